"""DEPTHWISE_CONV_2D, int8 and int16 activations with int8 weights."""

from __future__ import annotations

import numpy as np

from ...quantize.prepare import DepthwiseConv2DParams
from .accumulator import float_weights, requantised
from .conv_2d import taps


def depthwise_conv_2d(params: DepthwiseConv2DParams, x: np.ndarray) -> np.ndarray:
    """x int64 (B, N, H, W, C) -> int64 (B, *output_shape)."""
    channels, kernel_h, kernel_w = params.weights.shape
    weights = float_weights(params, groups=channels)
    seen = taps(params, x.reshape(-1, *x.shape[2:]).astype(weights.dtype), kernel_h, kernel_w)
    sums = np.zeros_like(seen[0])
    for tap, values in enumerate(seen):
        sums += values * weights.matrix[:, tap, 0]
    return requantised(params, sums).reshape(x.shape[0], *params.output_shape)
