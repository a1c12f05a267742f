"""Rounding and multipliers of TFLite Micro, once for the whole project.

Every function takes and returns int64 numpy arrays that hold the values of the narrower integers named in its
docstring, and broadcasts. The C twins stand in `export/runtime/arithmetic/stapes_arithmetic.h` under the same names.
Oracle: the pinned `tflite-micro` wheel.
"""

from __future__ import annotations

import math

import numpy as np

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def quantize_multiplier(real: float) -> tuple[int, int]:
    """A real multiplier as `(multiplier_q31, shift)`: real ~ multiplier_q31 / 2**31 * 2**shift.

    Rounds half away from zero. Source: `QuantizeMultiplier` of TensorFlow Lite.
    """
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(float(real))
    multiplier_q31 = int(math.copysign(math.floor(abs(fraction) * 2**31 + 0.5), fraction))
    if multiplier_q31 == 2**31:
        multiplier_q31, shift = multiplier_q31 // 2, shift + 1
    if shift < -31:
        return 0, 0
    return multiplier_q31, shift


def wrap_int32(x: np.ndarray) -> np.ndarray:
    """The low 32 bits, as a signed number."""
    return ((np.asarray(x, np.int64) + 2**31) & 0xFFFFFFFF) - 2**31


def saturating_rounding_doubling_high_mul(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """round(a * b / 2**31) of two int32, half upwards, saturated for a = b = INT32_MIN."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    result: np.ndarray = np.minimum((product + (1 << 30)) >> 31, INT32_MAX)
    return result


def rounding_divide_by_pot(x: np.ndarray, exponent: np.ndarray | int) -> np.ndarray:
    """round(x / 2**exponent) of an int32, half away from zero."""
    x = np.asarray(x, np.int64)
    mask = (np.int64(1) << np.asarray(exponent, np.int64)) - 1
    threshold = (mask >> 1) + (x < 0)
    result: np.ndarray = (x >> exponent) + ((x & mask) > threshold)
    return result


def requantise_double(
    x: np.ndarray, multiplier_q31: np.ndarray | int, shift: np.ndarray | int, overwrite: bool = False
) -> np.ndarray:
    """x * multiplier_q31 / 2**31 * 2**shift of an int32, rounded twice (TFLM's default for int8 and for int32 biases).

    The same as `rounding_divide_by_pot` of `saturating_rounding_doubling_high_mul` of x << shift wrapped to int32, for
    multipliers above INT32_MIN. With `overwrite` the result takes the place of x, an int64 array of the full shape.
    """
    if isinstance(shift, int):
        smallest = largest = shift
    else:
        shifts = np.asarray(shift, np.int64)
        multiplier_q31, shift = np.asarray(multiplier_q31, np.int64), shifts
        smallest, largest = int(shifts.min()), int(shifts.max())
    if largest > 0:
        x = wrap_int32(np.asarray(x, np.int64) << np.maximum(shift, 0))
    # In place from here on: this is where the numpy engine spends its time.
    y = np.multiply(x, multiplier_q31, out=x if overwrite else None, dtype=np.int64)
    y = np.asarray(y)
    y += 1 << 30
    y >>= 31
    if smallest < 0:
        right = -shift if largest <= 0 else np.maximum(-shift, 0)
        # Half away from zero is half upwards with one less for negative numbers; nothing is rounded where right is 0.
        toward_zero = y >> 63
        if largest >= 0:
            toward_zero &= -(np.asarray(right) > 0).astype(np.int64)
        y += toward_zero
        y += (np.int64(1) << right) >> 1
        y >>= right
    return y


def clamp(x: np.ndarray, low: int, high: int) -> np.ndarray:
    """x between `low` and `high`, in its place: `np.clip` asks for the limits of the dtype first, which takes longer."""
    np.minimum(x, high, out=x)
    np.maximum(x, low, out=x)
    return x


def reduced_multiplier_q15(multiplier_q31: np.ndarray | int) -> np.ndarray:
    """A multiplier rounded to 15 bits, for `requantise_64`; below 2**15 always."""
    multiplier_q31 = np.asarray(multiplier_q31, np.int64)
    return np.where(multiplier_q31 < 0x7FFF0000, (multiplier_q31 + (1 << 15)) >> 16, 0x7FFF)


def requantise_64(x: np.ndarray, multiplier_q31: np.ndarray | int, shift: np.ndarray | int) -> np.ndarray:
    """x * multiplier * 2**shift of an int64 with the multiplier reduced to Q15, rounded once (TFLM for int64 biases).

    The product must fit in int64: |x| < 2**47; shift <= 14.
    """
    total = 15 - np.asarray(shift, np.int64)
    product = np.asarray(x, np.int64) * reduced_multiplier_q15(multiplier_q31)
    result: np.ndarray = (product + (np.int64(1) << (total - 1))) >> total
    return result


def requantise_64_of_float(
    x: np.ndarray, multiplier_q31: np.ndarray | int, shift: np.ndarray | int, overwrite: bool = False
) -> np.ndarray:
    """`requantise_64` of integers held in float64, as matrix products leave them: |x| < 2**37, shift <= 14.

    Exact: x times 15 bits stays below 2**52, a power of two only moves the exponent, and so half can be added.
    With `overwrite` the result takes the place of x.
    """
    factor = np.ldexp(reduced_multiplier_q15(multiplier_q31).astype(np.float64), np.asarray(shift) - 15)
    y = np.multiply(x, factor, out=x if overwrite else None)
    y = np.asarray(y)
    y += 0.5
    made: np.ndarray = np.floor(y, out=y)
    return made
