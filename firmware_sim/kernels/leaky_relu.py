"""LEAKY_RELU, int8 and int16."""

from __future__ import annotations

import numpy as np

from quantize.arithmetic import requantise_double
from quantize.prepare import LeakyReluParams


def leaky_relu(params: LeakyReluParams, x: np.ndarray) -> np.ndarray:
    """x int64 (B, *shape) -> int64 of the same shape."""
    x = x - params.input_zero_point
    positive = requantise_double(x, params.multiplier_identity_q31, params.shift_identity)
    negative = requantise_double(x, params.multiplier_alpha_q31, params.shift_alpha)
    y = np.where(x >= 0, positive, negative)
    y += params.output_zero_point
    return np.clip(y, params.output_min, params.output_max, out=y)
