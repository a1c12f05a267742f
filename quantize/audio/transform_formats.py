"""How the two transforms of the device scale their numbers: what the constants of a path follow from.

N analysis samples, 2^m the power of two that is N or next above it, e the exponent of the frame. Both transforms give
spectrum_q31 = X * 2^(30 + e - m). That of mixed radix takes samples of 28 bits, brings each spectrum to the bits that it has
before the inverse, by h bits, and leaves a factor N / 2^m in what it gives; both factors are part of the windows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...models.audio.transform import Transform
from .mixed_rfft import log2_ceiling


@dataclass(frozen=True)
class TransformFormats:
    """Factors of the windows, and shifts in bits.

    Filtered spectra are `spectrum_q31` times gain times 2^filtered_shift. The inverse, shifted by synthesis_shift - h to the left,
    windowed in the high half and shifted right by e, is y * 2^(15 + output_shift).
    """

    log2_length: int
    analysis_factor: float
    synthesis_factor: float
    synthesis_shift: int
    output_shift: int
    filtered_shift: int


def transform_formats(transform: Transform) -> TransformFormats:
    """Those of the transform that `Transform.mixed` names."""
    log2_length = log2_ceiling(transform.analysis)
    if not transform.mixed:
        return TransformFormats(log2_length, 1.0, 1.0, log2_length - 5, 10, 1)
    # |y| stays below 2^7 also where a complex mask brings a whole frame into one sample, so that overlap-add has 22 bits.
    return TransformFormats(
        log2_length=log2_length,
        analysis_factor=1 / 4,
        synthesis_factor=2.0**log2_length / transform.analysis / 2,
        synthesis_shift=log2_length - 3,
        output_shift=7,
        filtered_shift=0,
    )


def window_power_log2(transform: Transform) -> tuple[int, float]:
    """The power of two next to sum(window^2), as its logarithm, and what remains as a factor: 1 for the usual windows.

    Powers on the device are |X|^2 over that power of two, so what a power is compared with is multiplied by the factor.
    """
    bits = math.floor(math.log2(transform.window_power) + 0.5)
    factor = transform.window_power / 2.0**bits
    return bits, 1.0 if abs(factor - 1.0) < 1e-9 else factor
