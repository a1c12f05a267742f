"""Constants of the stage `transform`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.lengths import LONGEST_MIXED, SHORTEST_MIXED, mixed_length
from ...models.audio.transform import Transform
from ...models.errors import StapesError
from .c_struct import Int32, Int32s
from .mixed_rfft import MixedRfftTables, mixed_rfft_tables
from .rfft import RfftTables, rfft_tables
from .rounding import to_q31
from .transform_formats import transform_formats

# Shortest real transform of CMSIS-DSP, and the longest one whose synthesis keeps its head room in 32 bits.
SHORTEST_ANALYSIS, LONGEST_ANALYSIS = 32, 1024
# |X| in Q20 stays below 2^31, with some room.
LARGEST_SUM = 2000.0


@dataclass(frozen=True, eq=False)
class Params:
    """N, hop and bins; the window (N,)."""

    c_name: ClassVar[str] = "stapes_transform_params"

    analysis: Int32
    hop: Int32
    bins: Int32
    window_q31: Int32s
    rfft: RfftTables


@dataclass(frozen=True, eq=False)
class MixedParams:
    """The same with the tables of mixed radix; a quarter of the window (N,)."""

    c_name: ClassVar[str] = "stapes_mixed_transform_params"

    analysis: Int32
    hop: Int32
    bins: Int32
    window_q31: Int32s
    rfft: MixedRfftTables


def params(settings: Transform, transform: Transform) -> Params | MixedParams:
    """Raises StapesError for a frame that the fixed-point formats cannot hold."""
    if transform.mixed:
        return MixedParams(
            analysis=transform.analysis,
            hop=transform.hop,
            bins=transform.bins,
            window_q31=to_q31(transform.windows()[0] * transform_formats(transform).analysis_factor),
            rfft=mixed_rfft_tables(transform.analysis),
        )
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
    if not transform.mixed and not SHORTEST_ANALYSIS <= transform.analysis <= longest:
        remedy = "; set mixed_radix, or give a shorter one" if mixed_length(transform.analysis) else ""
        raise StapesError(
            f"analysis {transform.analysis}: the fixed-point transform takes {SHORTEST_ANALYSIS} to {longest} samples{where}, that of "
            f"mixed radix even lengths of the factors 2, 3 and 5 from {SHORTEST_MIXED} to {LONGEST_MIXED}{remedy}"
        )


def require_features(transform: Transform, kind: str) -> None:
    """Raise StapesError for a frame whose sums are too large for features that are X itself in Q20."""
    if transform.analysis > LONGEST_MIXED or float(transform.windows()[0].sum()) > LARGEST_SUM:
        raise StapesError(
            f"analysis {transform.analysis}: features '{kind}' take {LONGEST_MIXED} samples whose window adds up to "
            f"{LARGEST_SUM:g} at most; give a shorter one, or log or compressed features"
        )
