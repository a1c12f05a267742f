"""ADD and SUB, int8 and int16, with broadcasting."""

from __future__ import annotations

import numpy as np

from ...quantize.arithmetic import clamp, requantise_double
from ...quantize.prepare import AddParams
from .batching import aligned


def add(params: AddParams, x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    """x1 and x2 int64 (B, *shape), broadcast -> int64 (B, *output shape)."""
    x1, x2 = aligned(x1, x2)
    scaled_1 = _scaled(x1, params.zero_point_1, params.left_shift, params.multiplier_1_q31, params.shift_1)
    scaled_2 = _scaled(x2, params.zero_point_2, params.left_shift, params.multiplier_2_q31, params.shift_2)
    combine = np.subtract if params.subtract else np.add
    fits = scaled_1.size >= scaled_2.size and np.broadcast_shapes(scaled_1.shape, scaled_2.shape) == scaled_1.shape
    y = combine(scaled_1, scaled_2, out=scaled_1 if fits else None)
    y = requantise_double(y, params.output_multiplier_q31, params.output_shift, overwrite=True)
    y += params.output_zero_point
    return clamp(y, params.activation_min, params.activation_max)


def _scaled(x: np.ndarray, zero_point: int, left_shift: int, multiplier_q31: int, shift: int) -> np.ndarray:
    """An operand on the common scale of both."""
    y = x - zero_point
    y <<= left_shift
    return requantise_double(y, multiplier_q31, shift, overwrite=True)
