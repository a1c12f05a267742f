"""Integer functions of one number that the audio path is made of, elementwise over arrays.

The C twins stand in `export/runtime/stapes_audio_scalar.h` under the same names.
"""

from __future__ import annotations

import numpy as np

from ...quantize.audio.log2_table import EXP2_Q29, LOG2_Q16


def bit_length(x: np.ndarray) -> np.ndarray:
    """Number of significant bits of a uint64, as int64; 0 for 0."""
    # Clearing the bit under the leading one keeps the conversion to float64 from rounding up to the next power of two.
    return np.frexp((x & ~(x >> 1)).astype(np.float64))[1].astype(np.int64)


def normalise(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A uint64 as (mantissa, exponent): mantissa uint64 in [2^31, 2^32), x ~ mantissa * 2^exponent, cut off; 0 has mantissa 0."""
    exponent = bit_length(x) - 32
    left, right = np.maximum(-exponent, 0).astype(np.uint64), np.maximum(exponent, 0).astype(np.uint64)
    return (x << left) >> right, exponent


def ratio(
    numerator: tuple[np.ndarray, np.ndarray],
    denominator: tuple[np.ndarray, np.ndarray],
    fraction_bits: int,
    limit: int,
) -> np.ndarray:
    """min(numerator / denominator, limit) of two normalised numbers, as int64 with `fraction_bits`; limit at most 2^30.

    One 32-bit division: the denominator is rounded to 16 bits, so the quotient is good to 1.5e-5 of its value.
    """
    divisor = (denominator[0] >> 16) + ((denominator[0] >> 15) & 1)
    quotient = (numerator[0] // divisor).astype(np.int64)
    shift = numerator[1] - denominator[1] - 16 + fraction_bits
    scaled = np.minimum((quotient << np.clip(shift, 0, 15)) >> np.clip(-shift, 0, 31), limit)
    return np.where((shift > 14) & (quotient > 0), limit, scaled)


def isqrt(x: np.ndarray) -> np.ndarray:
    """floor(sqrt(x)) of a number below 2^32, as int64."""
    # float64 holds x exactly and rounds its root correctly, and no root of 32 bits is nearer to an integer than that.
    return np.sqrt(x.astype(np.float64)).astype(np.int64)


def isqrt_64(x: np.ndarray) -> np.ndarray:
    """floor(sqrt(x)) of a uint64 below 2^63, as int64."""
    # The root in float64 is next to the true one or it.
    wide = x.astype(np.int64)
    root = np.sqrt(x.astype(np.float64)).astype(np.int64)
    root -= root * root > wide
    return root + ((root + 1) * (root + 1) <= wide)


def log2_q16(x: np.ndarray) -> np.ndarray:
    """log2 in Q16 of a positive number below 2^32, as int64; table with linear interpolation, within 2.7e-5."""
    mantissa, exponent = normalise(x.astype(np.uint64))
    index = (mantissa >> 24).astype(np.int64) & 127
    fraction_q16 = (mantissa >> 8).astype(np.int64) & 0xFFFF
    low = LOG2_Q16[index]
    return ((exponent + 31) << 16) + low + (((LOG2_Q16[index + 1] - low) * fraction_q16 + (1 << 15)) >> 16)


def octaves_q16(mantissa: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """log2 in Q16 of mantissa * 2^exponent, mantissa > 0, as int64."""
    return log2_q16(mantissa) + (exponent << 16)


def exp2_q20(x_q16: np.ndarray) -> np.ndarray:
    """2^x in Q20 of -20 <= x <= 10 in Q16, as int64; table with linear interpolation, within 4e-6 of the value and half a step."""
    return exp2(x_q16, 20)


def exp2(x_q16: np.ndarray, fraction_bits: int) -> np.ndarray:
    """The same with other fraction bits; the result is below 2^31, and fewer than 32 bits fall off."""
    index, fraction_q9 = (x_q16 >> 9) & 127, x_q16 & 511
    low = EXP2_Q29[index]
    mantissa_q29 = low + (((EXP2_Q29[index + 1] - low) * fraction_q9 + (1 << 8)) >> 9)
    return shift_round(mantissa_q29, (x_q16 >> 16) + fraction_bits - 29)


def round_right(x: np.ndarray, right: np.ndarray | int) -> np.ndarray:
    """round(x / 2^right) of an int64, half upwards; right in 0..31."""
    return (x + ((np.int64(1) << right) >> 1)) >> right


def shift_round(x: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """x * 2^shift of an int64, half upwards where bits fall off; shift in -31..31."""
    return round_right(x << np.maximum(shift, 0), np.maximum(-shift, 0))


def multiply_high(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """round(a * b / 2^32) of two int32, half upwards, as int64 (the instruction SMMULR)."""
    return (np.asarray(a, np.int64) * np.asarray(b, np.int64) + (1 << 31)) >> 32


def inverse_q30(x_q29: np.ndarray) -> np.ndarray:
    """1 / x of 1 to 3, as int64 below 2^30: a division of 32 bits and one step of Newton's, right to 1e-8."""
    first_q15 = (1 << 31) // (x_q29 >> 13)
    error_q44 = (1 << 44) - x_q29 * first_q15
    return np.minimum((first_q15 << 15) + round_right(first_q15 * error_q44, 29), (1 << 30) - 1)
