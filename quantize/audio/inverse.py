"""Constants of the stage `inverse`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.inverse import Inverse
from ...models.audio.transform import Transform
from .c_struct import Int32, Int32s
from .mixed_rfft import MixedRfftTables, mixed_rfft_tables
from .rfft import RfftTables, rfft_tables
from .rounding import to_q31
from .transform_formats import transform_formats


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


@dataclass(frozen=True, eq=False)
class MixedParams:
    """The same with the tables of mixed radix. The inverse with its exponent h, shifted left by `shift` - h, is in Q22 then."""

    c_name: ClassVar[str] = "stapes_mixed_inverse_params"

    analysis: Int32
    synthesis: Int32
    hop: Int32
    shift: Int32
    window_q31: Int32s
    rfft: MixedRfftTables


def params(settings: Inverse, transform: Transform) -> Params | MixedParams:
    """Window, transform and shift."""
    if transform.mixed:
        formats = transform_formats(transform)
        return MixedParams(
            analysis=transform.analysis,
            synthesis=transform.synthesis,
            hop=transform.hop,
            shift=formats.synthesis_shift,
            window_q31=to_q31(transform.windows()[1] * formats.synthesis_factor),
            rfft=mixed_rfft_tables(transform.analysis),
        )
    return Params(
        analysis=transform.analysis,
        synthesis=transform.synthesis,
        hop=transform.hop,
        shift=transform.analysis.bit_length() - 1 - 5,
        window_q31=to_q31(transform.windows()[1]),
        rfft=rfft_tables(transform.analysis),
    )
