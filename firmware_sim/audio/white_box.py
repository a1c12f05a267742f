"""Outputs of a white-box network's decoder as controls of the stage `steered_equaliser`; twin of `stapes_white_box.c`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...quantize.audio.white_box import LOG2_E_Q30
from .scalar import exp2, inverse_q30, round_right

LOWEST_Q8, RANGE_Q8 = 20 << 8, 19980 << 8
MOST_OCTAVES_Q16 = 20 << 16


def controls_of(codes: Mapping[str, np.ndarray], frequency_scale_q31: int) -> dict[str, np.ndarray]:
    """int16 `frequency`, `gain`, `quality` and perhaps `weight` (..., bands) -> the controls by name, int64 (..., bands).

    frequency = 20 + 19980 sigmoid(logit) Hz, gain = 12 dB * gain * weight, Q = 0.5 + 4.5 quality.
    """
    wide = {name: np.asarray(values, np.int64) for name, values in codes.items()}
    octaves = _octaves_q16(wide["frequency"], frequency_scale_q31)
    gain_q16 = 24 * wide["gain"]
    return {
        "frequency_q8": _frequency_q8(octaves),
        "gain_db_q16": round_right(gain_q16 * wide.get("weight", np.int64(1 << 15)), 15),
        "quality_q16": 32768 + 9 * wide["quality"],
    }


def _octaves_q16(codes: np.ndarray, scale_q31: int) -> np.ndarray:
    step_q31 = (scale_q31 * LOG2_E_Q30 + (1 << 29)) >> 30
    return np.clip(round_right(codes * step_q31, 15), -MOST_OCTAVES_Q16, MOST_OCTAVES_Q16)


def _frequency_q8(octaves_q16: np.ndarray) -> np.ndarray:
    """The half above the middle is computed, the other one is its mirror."""
    part_q30 = inverse_q30((1 << 29) + exp2(-np.abs(octaves_q16), 29))
    upper_q8 = round_right(RANGE_Q8 * part_q30, 30)
    return LOWEST_Q8 + np.where(octaves_q16 < 0, RANGE_Q8 - upper_q8, upper_q8)
