"""Frequency, gain and Q of a peak to its coefficients; twin of `stapes_peaking.c`.

With w = 2 pi f / rate, s = sin(w / 2), alpha = sin(w) / (2 Q) and A the root of the gain: a0 = 1 + alpha / A, b0 = (1 + alpha A) / a0,
b1 = a1 = (4 s^2 - 2) / a0, b2 = 2 / a0 - b0, a2 = 2 / a0 - 1. So the gain at 0 Hz is one in integers too, and nothing is lost where the cosine is
next to one. 1 / a0 is below one and s^2 above zero: the poles lie within the unit circle, whatever is rounded.
"""

from __future__ import annotations

import numpy as np

from ...quantize.audio.peaking import ROOT_OCTAVES_Q32, PeakingTables
from .scalar import exp2, inverse_q30, multiply_high, round_right

ONE_Q30 = 1 << 30


def coefficients_q30(
    tables: PeakingTables, octaves_q16: np.ndarray, gain_db_q16: np.ndarray, quality_q16: np.ndarray
) -> np.ndarray:
    """log2 of frequencies in Hz, gains in dB, log2 of Qs, each (K,) -> b0, b1, b2, -a1, -a2, int64 (K, 5)."""
    part_q31 = exp2(np.minimum(octaves_q16, tables.highest_q16) - tables.half_rate_q16, 31)
    square_q31 = multiply_high(part_q31, part_q31) << 1
    sine_q30 = multiply_high(_series(tables.sine_q29, square_q31), part_q31) << 2
    cosine_q30 = _series(tables.cosine_q29, square_q31) << 1
    root_q16 = multiply_high(gain_db_q16, ROOT_OCTAVES_Q32)
    half_q30 = round_right(sine_q30 * cosine_q30, 30)
    up_q29 = round_right(half_q30 * exp2(root_q16 - quality_q16, 28), 29)
    down_q29 = round_right(half_q30 * exp2(-root_q16 - quality_q16, 28), 29)
    share_q30 = inverse_q30((1 << 29) + down_q29)
    b0 = np.minimum(round_right(share_q30 * ((1 << 29) + up_q29), 29), 2**31 - 1)
    twice = 2 * share_q30
    bend_q29 = round_right(sine_q30 * sine_q30, 29)
    b1 = np.maximum(round_right(bend_q29 * share_q30, 29), 1) - twice
    return np.stack([b0, b1, twice - b0, -b1, ONE_Q30 - twice], axis=-1)


def _series(terms_q29: np.ndarray, square_q31: np.ndarray) -> np.ndarray:
    sum_q29 = np.full_like(square_q31, terms_q29[0])
    for term in terms_q29[1:].tolist():
        sum_q29 = term + (multiply_high(sum_q29, square_q31) << 1)
    return sum_q29
