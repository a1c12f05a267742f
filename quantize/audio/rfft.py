"""The tables of the real transform, which is CMSIS-DSP's, and which of its files are compiled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .c_struct import Int32s, UInt16, UInt16s
from .rounding import to_q31

# CMSIS-DSP rounds its split tables, but cuts its twiddles off where their fraction is under 0.95: this gives every entry.
_TWIDDLE_ROUNDING = 0.05

# CMSIS-DSP's real Q31 transform, the only code of others on the path: its files below the folder of CMSIS-DSP. The defines serve for
# all hosts and cores alike: the first keeps CMSIS-Core's headers out (GCC, Clang), the second unrolls loops, with equal bits, and the
# third takes the plain C on cores with Helium, whose own transform gives other bits.
CMSIS_SOURCES = (
    "Source/TransformFunctions/arm_rfft_q31.c",
    "Source/TransformFunctions/arm_cfft_q31.c",
    "Source/TransformFunctions/arm_cfft_radix4_q31.c",
    "Source/TransformFunctions/arm_bitreversal2.c",
    "Source/TransformFunctions/arm_bitreversal.c",
    "Source/BasicMathFunctions/arm_shift_q31.c",
)
CMSIS_DEFINES = ("__GNUC_PYTHON__", "ARM_MATH_LOOPUNROLL", "ARM_MATH_AUTOVECTORIZE")


@dataclass(frozen=True, eq=False)
class RfftTables:
    """Constants of a real transform of `length` points, those of CMSIS-DSP cut down to this length.

    twiddle_q31 (3 * N / 4,) int32: cos and sin of 2 pi i / (N / 2), in turn; bit_reversal uint16: pairs of byte offsets to
    swap; split_a_q31, split_b_q31 (N,) int32.
    """

    c_name: ClassVar[str] = "stapes_rfft_tables"

    length: UInt16
    bit_reversal_length: UInt16
    twiddle_q31: Int32s
    bit_reversal: UInt16s
    split_a_q31: Int32s
    split_b_q31: Int32s


def _interleave(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.stack([first, second], axis=1).reshape(-1)


def _bit_reversal(points: int) -> np.ndarray:
    """Pairs of places that a bit reversal swaps, as offsets of 8 bytes a place, in rising order of the first."""
    bits = points.bit_length() - 1
    reverse = [int(f"{place:0{bits}b}"[::-1], 2) for place in range(points)]
    pairs = [(place, other) for place, other in enumerate(reverse) if place < other]
    table = np.array(pairs, np.uint16).reshape(-1) * np.uint16(8)
    table.flags.writeable = False
    return table


def rfft_tables(length: int) -> RfftTables:
    """Tables of the real transform of `length` points (a power of two).

    Formulas: those stated beside `realCoefAQ31`, `realCoefBQ31` and `twiddleCoef_64_q31` in CMSIS-DSP.
    """
    twiddle = np.arange(3 * length // 8) * (2 * np.pi / (length // 2))
    split = np.arange(length // 2) * (2 * np.pi / length)
    bit_reversal = _bit_reversal(length // 2)
    return RfftTables(
        length=length,
        bit_reversal_length=len(bit_reversal),
        twiddle_q31=to_q31(_interleave(np.cos(twiddle), np.sin(twiddle)), _TWIDDLE_ROUNDING),
        bit_reversal=bit_reversal,
        split_a_q31=to_q31(_interleave(0.5 * (1.0 - np.sin(split)), -0.5 * np.cos(split))),
        split_b_q31=to_q31(_interleave(0.5 * (1.0 + np.sin(split)), 0.5 * np.cos(split))),
    )
