"""QUANTIZE between int8, int16 and int32."""

from __future__ import annotations

import numpy as np

from ...quantize.arithmetic import clamp, requantise_double
from ...quantize.prepare import QuantizeParams


def quantize(params: QuantizeParams, x: np.ndarray) -> np.ndarray:
    """x int64 (B, *shape) -> int64 of the same shape."""
    y = requantise_double(x - params.input_zero_point, params.multiplier_q31, params.shift, overwrite=True)
    y += params.output_zero_point
    return clamp(y, params.output_min, params.output_max)
