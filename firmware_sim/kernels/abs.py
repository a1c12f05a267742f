"""ABS, int8 and int16."""

from __future__ import annotations

import numpy as np

from ...quantize.arithmetic import clamp, requantise_double
from ...quantize.prepare import AbsParams


def absolute(params: AbsParams, x: np.ndarray) -> np.ndarray:
    """x int64 (B, *shape) -> int64 of the same shape."""
    y = np.abs(x - params.input_zero_point)
    if params.rescale:
        y = requantise_double(y, params.multiplier_q31, params.shift, overwrite=True)
    y += params.output_zero_point
    return clamp(y, params.output_min, params.output_max)
