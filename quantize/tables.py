"""Tables that stand for the transcendental functions: 256 entries each, once for Python and for the generated C.

int8 LOGISTIC and TANH are functions of 256 inputs, so a table holds all of them. int16 LOGISTIC and TANH share one
table of the sigmoid and interpolate linearly between its entries (`SIGMOID_Q16`).
"""

from __future__ import annotations

import numpy as np

from .arithmetic import (
    quantize_multiplier,
    requantise_double,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)

# fmt: off
# sigmoid(i / 24) in 16 bits as the oracle has it; 44 entries differ by one from plain rounding, so no formula gives it.
SIGMOID_Q16 = np.array(
    [
        32768, 33451, 34133, 34813, 35493, 36169, 36843, 37513, 38180, 38841, 39498, 40149, 40794, 41432, 42064, 42688,
        43304, 43912, 44511, 45102, 45683, 46255, 46817, 47369, 47911, 48443, 48964, 49475, 49975, 50464, 50942, 51409,
        51865, 52311, 52745, 53169, 53581, 53983, 54374, 54755, 55125, 55485, 55834, 56174, 56503, 56823, 57133, 57433,
        57724, 58007, 58280, 58544, 58800, 59048, 59288, 59519, 59743, 59959, 60168, 60370, 60565, 60753, 60935, 61110,
        61279, 61441, 61599, 61750, 61896, 62036, 62172, 62302, 62428, 62549, 62666, 62778, 62886, 62990, 63090, 63186,
        63279, 63368, 63454, 63536, 63615, 63691, 63765, 63835, 63903, 63968, 64030, 64090, 64148, 64204, 64257, 64308,
        64357, 64405, 64450, 64494, 64536, 64576, 64614, 64652, 64687, 64721, 64754, 64786, 64816, 64845, 64873, 64900,
        64926, 64950, 64974, 64997, 65019, 65039, 65060, 65079, 65097, 65115, 65132, 65149, 65164, 65179, 65194, 65208,
        65221, 65234, 65246, 65258, 65269, 65280, 65291, 65301, 65310, 65319, 65328, 65337, 65345, 65352, 65360, 65367,
        65374, 65381, 65387, 65393, 65399, 65404, 65410, 65415, 65420, 65425, 65429, 65433, 65438, 65442, 65445, 65449,
        65453, 65456, 65459, 65462, 65465, 65468, 65471, 65474, 65476, 65479, 65481, 65483, 65485, 65488, 65489, 65491,
        65493, 65495, 65497, 65498, 65500, 65501, 65503, 65504, 65505, 65507, 65508, 65509, 65510, 65511, 65512, 65513,
        65514, 65515, 65516, 65517, 65517, 65518, 65519, 65520, 65520, 65521, 65522, 65522, 65523, 65523, 65524, 65524,
        65525, 65525, 65526, 65526, 65526, 65527, 65527, 65528, 65528, 65528, 65529, 65529, 65529, 65529, 65530, 65530,
        65530, 65530, 65531, 65531, 65531, 65531, 65531, 65532, 65532, 65532, 65532, 65532, 65532, 65533, 65533, 65533,
        65533, 65533, 65533, 65533, 65533, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65535,
    ],
    dtype=np.int64,
)
# fmt: on
SIGMOID_Q16.flags.writeable = False

_ONE_Q31 = 2**31 - 1
_ONE_Q29 = 2**29
# round(48/17 * 2^29) and round(-32/17 * 2^29): the best linear first guess of 1/d on [1/2, 1].
_48_OVER_17_Q29 = 1515870810
_MINUS_32_OVER_17_Q29 = -1010580540
_EXP_MINUS_ONE_EIGHTH_Q31 = 1895147668
_ONE_THIRD_Q31 = 715827883
# exp(-2^k) in Q31 for k = -2 ... 4: one factor for each bit of the argument above a quarter.
_EXP_OF_MINUS_POT_Q31 = {
    -2: 1672461947,
    -1: 1302514674,
    0: 790015084,
    1: 290630308,
    2: 39332535,
    3: 720401,
    4: 242,
}


def _multiply_by_pot(x: np.ndarray, exponent: int) -> np.ndarray:
    """x * 2**exponent, saturated to int32."""
    result: np.ndarray = np.clip(x << exponent, -(2**31), 2**31 - 1)
    return result


def _exp_minus_quarter_to_zero_q31(x_q31: np.ndarray) -> np.ndarray:
    """exp(x) for -1/4 <= x < 0 in Q31: Taylor series of degree 4 about -1/8 (gemmlowp)."""
    mul = saturating_rounding_doubling_high_mul
    x = x_q31 + (1 << 28)
    x2 = mul(x, x)
    x3 = mul(x2, x)
    x4_over_4 = rounding_divide_by_pot(mul(x2, x2), 2)
    tail = rounding_divide_by_pot(mul(x4_over_4 + x3, _ONE_THIRD_Q31) + x2, 1)
    return _EXP_MINUS_ONE_EIGHTH_Q31 + mul(x + tail, _EXP_MINUS_ONE_EIGHTH_Q31)


def _exp_of_negative_q31(x: np.ndarray, integer_bits: int) -> np.ndarray:
    """exp(x) in Q31 for x <= 0 with `integer_bits` integer bits: the quarter by series, the rest bit by bit (gemmlowp)."""
    fractional_bits = 31 - integer_bits
    quarter = 1 << (fractional_bits - 2)
    within_quarter = (x & (quarter - 1)) - quarter
    result = _exp_minus_quarter_to_zero_q31(_multiply_by_pot(within_quarter, integer_bits))
    remainder = within_quarter - x
    for exponent, factor_q31 in _EXP_OF_MINUS_POT_Q31.items():
        if exponent < integer_bits:
            bit = 1 << (fractional_bits + exponent)
            scaled = saturating_rounding_doubling_high_mul(result, factor_q31)
            result = np.where(remainder & bit, scaled, result)
    return np.where(x == 0, _ONE_Q31, result)


def _reciprocal_of_half_one_plus_q29(x_q31: np.ndarray) -> np.ndarray:
    """2 / (1 + x) in Q29 for 0 <= x < 1 in Q31: three Newton steps (gemmlowp)."""
    mul = saturating_rounding_doubling_high_mul
    # x >= 0, so the half sum rounds half upwards.
    half_denominator_q31 = (x_q31 + _ONE_Q31 + 1) >> 1
    y_q29 = _48_OVER_17_Q29 + mul(half_denominator_q31, _MINUS_32_OVER_17_Q29)
    for _ in range(3):
        error_q29 = _ONE_Q29 - mul(half_denominator_q31, y_q29)
        y_q29 = y_q29 + _multiply_by_pot(mul(y_q29, error_q29), 2)
    return y_q29


def _logistic_q31(x_q27: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) in Q31 of x in Q27 (gemmlowp)."""
    reciprocal_q29 = _reciprocal_of_half_one_plus_q29(_exp_of_negative_q31(-np.abs(x_q27), 4))
    positive_q31 = _multiply_by_pot(reciprocal_q29, 1)
    result = np.where(x_q27 > 0, positive_q31, _ONE_Q31 - positive_q31)
    return np.where(x_q27 == 0, 1 << 30, result)


def _tanh_q31(x_q27: np.ndarray) -> np.ndarray:
    """tanh(x) in Q31 of x in Q27: (1 - e) / (1 + e) with e = exp(-2|x|) (gemmlowp)."""
    # Doubling x is reading Q27 as Q26: one integer bit more.
    reciprocal_q29 = _reciprocal_of_half_one_plus_q29(_exp_of_negative_q31(-np.abs(x_q27), 5))
    positive_q31 = _multiply_by_pot(reciprocal_q29 - _ONE_Q29, 2)
    return np.where(x_q27 == 0, 0, np.where(x_q27 < 0, -positive_q31, positive_q31))


def _int8_table(scale: float, zero_point: int, tanh: bool) -> np.ndarray:
    multiplier_q31, shift = quantize_multiplier(float(np.float32(scale)) * 2.0**27)
    radius = int(15.0 * 2.0**27 / 2.0**shift)
    x = np.arange(-128, 128, dtype=np.int64) - zero_point
    inside = np.abs(x) < radius
    x_q27 = requantise_double(np.where(inside, x, 0), multiplier_q31, shift)
    if tanh:
        y = np.minimum(rounding_divide_by_pot(_tanh_q31(x_q27), 24), 127)
        outside = np.where(x > 0, 127, -128)
    else:
        y = np.minimum(rounding_divide_by_pot(_logistic_q31(x_q27), 23), 255) - 128
        outside = np.where(x > 0, 127, -128)
    return np.where(inside, y, outside).astype(np.int8)


def logistic_int8(scale: float, zero_point: int) -> np.ndarray:
    """LOGISTIC of every int8 input: int8 (256,), index = input + 128; output scale 1/256, zero point -128.

    Source: `reference_integer_ops::Logistic` of TensorFlow Lite, on gemmlowp fixed point.
    """
    return _int8_table(scale, zero_point, tanh=False)


def tanh_int8(scale: float, zero_point: int) -> np.ndarray:
    """TANH of every int8 input: int8 (256,), index = input + 128; output scale 1/128, zero point 0.

    Source: `reference_integer_ops::Tanh` of TensorFlow Lite, on gemmlowp fixed point.
    """
    return _int8_table(scale, zero_point, tanh=True)
