"""LEAKY_RELU, int8 and int16."""

from __future__ import annotations

import numpy as np

from ...quantize.arithmetic import clamp, requantise_double
from ...quantize.prepare import LeakyReluParams


def leaky_relu(params: LeakyReluParams, x: np.ndarray) -> np.ndarray:
    """x int64 (B, *shape) -> int64 of the same shape."""
    x = x - params.input_zero_point
    positive = requantise_double(x, params.multiplier_identity_q31, params.shift_identity)
    # A negative multiplier rounds as its magnitude does, and the sign follows.
    magnitude = requantise_double(x, abs(params.multiplier_alpha_q31), params.shift_alpha)
    negative = magnitude if params.multiplier_alpha_q31 >= 0 else -magnitude
    y = np.where(x >= 0, positive, negative)
    y += params.output_zero_point
    return clamp(y, params.output_min, params.output_max)
