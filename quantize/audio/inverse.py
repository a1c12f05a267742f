"""Constants of the stage `inverse`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.inverse import Inverse
from ...models.audio.transform import Transform
from .c_struct import Int32, Int32s
from .rfft import RfftTables, rfft_tables
from .rounding import to_q31


@dataclass(frozen=True, eq=False)
class Params:
    """N, S and hop; the window (S,). The inverse transform, shifted left by `shift`, windowed in the high half and shifted right by the exponent, is in Q25."""

    c_name: ClassVar[str] = "stapes_inverse_params"

    analysis: Int32
    synthesis: Int32
    hop: Int32
    shift: Int32
    window_q31: Int32s
    rfft: RfftTables


def params(settings: Inverse, transform: Transform) -> Params:
    """Window, transform and shift."""
    return Params(
        analysis=transform.analysis,
        synthesis=transform.synthesis,
        hop=transform.hop,
        shift=transform.analysis.bit_length() - 1 - 5,
        window_q31=to_q31(transform.windows()[1]),
        rfft=rfft_tables(transform.analysis),
    )
