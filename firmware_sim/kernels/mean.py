"""MEAN over any axes, int8 and int16."""

from __future__ import annotations

import numpy as np

from ...quantize.arithmetic import clamp, requantise_double
from ...quantize.prepare import MeanParams


def mean(params: MeanParams, x: np.ndarray) -> np.ndarray:
    """x int64 (B, *shape) -> int64 (B, *output_shape)."""
    total = x.sum(axis=tuple(axis + 1 for axis in params.axes), dtype=np.int64)
    total -= params.count * params.input_zero_point
    y = requantise_double(total, params.multiplier_q31, params.shift, overwrite=True)
    y += params.output_zero_point
    return clamp(y, params.output_min, params.output_max).reshape(x.shape[0], *params.output_shape)
