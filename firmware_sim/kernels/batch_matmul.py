"""BATCH_MATMUL of two int16 activations."""

from __future__ import annotations

import numpy as np

from ...quantize.arithmetic import requantise_64
from ...quantize.prepare import BatchMatMulParams


def batch_matmul(params: BatchMatMulParams, x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    """x1 int64 (B, ..., R, depth), x2 int64 (B, ..., C, depth) -> int64 (B, *output_shape)."""
    rows, columns = x1.astype(np.float64), x2.astype(np.float64)
    # |sum| <= depth * 2**30, exact in double precision for any depth below 2**23.
    sums = (rows @ columns.swapaxes(-1, -2)).astype(np.int64)
    y = requantise_64(sums, params.multiplier_q31, params.shift)
    result: np.ndarray = np.clip(y, params.output_min, params.output_max).reshape(-1, *params.output_shape)
    return result
