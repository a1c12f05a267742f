"""MUL, int8 and int16, with broadcasting."""

from __future__ import annotations

import numpy as np

from ...quantize.arithmetic import clamp, requantise_double
from ...quantize.prepare import MulParams
from .batching import aligned


def mul(params: MulParams, x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    """x1 and x2 int64 (B, *shape), broadcast -> int64 (B, *output shape)."""
    x1, x2 = aligned(x1, x2)
    if params.zero_point_1 or params.zero_point_2:
        x1, x2 = x1 - params.zero_point_1, x2 - params.zero_point_2
    y = requantise_double(x1 * x2, params.multiplier_q31, params.shift, overwrite=True)
    y += params.output_zero_point
    return clamp(y, params.activation_min, params.activation_max)
