"""Constants of the stage `transform`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.transform import Transform
from ...models.errors import StapesError
from .c_struct import Int32, Int32s
from .rfft import RfftTables, rfft_tables
from .rounding import to_q31

# Shortest real transform of CMSIS-DSP, and the longest one whose synthesis keeps its head room in 32 bits.
SHORTEST_ANALYSIS, LONGEST_ANALYSIS = 32, 1024


@dataclass(frozen=True, eq=False)
class Params:
    """N, hop and bins; the window (N,)."""

    c_name: ClassVar[str] = "stapes_transform_params"

    analysis: Int32
    hop: Int32
    bins: Int32
    window_q31: Int32s
    rfft: RfftTables


def params(settings: Transform, transform: Transform) -> Params:
    """Raises StapesError for a frame that the fixed-point formats cannot hold."""
    require_length(transform, LONGEST_ANALYSIS)
    return Params(
        analysis=transform.analysis,
        hop=transform.hop,
        bins=transform.bins,
        window_q31=to_q31(transform.windows()[0]),
        rfft=rfft_tables(transform.analysis),
    )


def require_length(transform: Transform, longest: int, where: str = "") -> None:
    """Raise StapesError for a frame that is shorter or longer than the transform takes."""
    if not SHORTEST_ANALYSIS <= transform.analysis <= longest:
        raise StapesError(
            f"analysis {transform.analysis}: the fixed-point transform takes {SHORTEST_ANALYSIS} to {longest} samples{where}"
        )
