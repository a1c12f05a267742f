"""MAX_POOL_2D, int8 and int16."""

from __future__ import annotations

import numpy as np

from ...quantize.prepare import MaxPoolParams


def max_pool(params: MaxPoolParams, x: np.ndarray) -> np.ndarray:
    """x int64 (B, 1, H, W, C) -> int64 (B, 1, *output, C)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, params.kernel, axis=(2, 3))
    result: np.ndarray = windows[:, :, :: params.stride[0], :: params.stride[1]].max(axis=(-2, -1))
    return result
