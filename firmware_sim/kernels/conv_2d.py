"""CONV_2D, NHWC, int8 and int16 activations with int8 weights."""

from __future__ import annotations

import numpy as np

from ...quantize.prepare import Conv2DParams, DepthwiseConv2DParams
from .accumulator import float_weights, requantised


def conv_2d(params: Conv2DParams, x: np.ndarray) -> np.ndarray:
    """x int64 (B, N, H, W, I) -> int64 (B, *output_shape)."""
    weights = float_weights(params, params.groups)
    batch, groups = x.shape[0], params.groups
    patches = _patches(params, x.reshape(-1, *x.shape[2:]).astype(weights.dtype))
    sums = np.empty((len(patches), len(params.weights)), weights.dtype)
    outputs = len(params.weights) // groups
    for group in range(groups):
        rows = patches[:, :, group].reshape(len(patches), -1)
        np.matmul(rows, weights.matrix[group], out=sums[:, group * outputs : (group + 1) * outputs])
    return requantised(params, sums).reshape(batch, *params.output_shape)


def _patches(params: Conv2DParams, x: np.ndarray) -> np.ndarray:
    """x (M, H, W, I) -> what each output sees: (M * OH * OW, KH * KW, groups, I / groups)."""
    kernel_h, kernel_w, depth = params.weights.shape[1:]
    return np.stack(taps(params, x, kernel_h, kernel_w), axis=3).reshape(-1, kernel_h * kernel_w, params.groups, depth)


def taps(params: Conv2DParams | DepthwiseConv2DParams, x: np.ndarray, kernel_h: int, kernel_w: int) -> list[np.ndarray]:
    """x (M, H, W, C) -> KH * KW views (M, OH, OW, C): the value that each output sees under one weight of its kernel."""
    (stride_h, stride_w), (dilation_h, dilation_w) = params.stride, params.dilation
    _, out_h, out_w, _ = params.output_shape
    top, left = params.padding
    bottom = max((out_h - 1) * stride_h + (kernel_h - 1) * dilation_h + 1 - top - x.shape[1], 0)
    right = max((out_w - 1) * stride_w + (kernel_w - 1) * dilation_w + 1 - left - x.shape[2], 0)
    # The zero point is in the bias, so padding with it adds nothing.
    x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=params.input_zero_point)
    return [
        x[
            :,
            row * dilation_h : row * dilation_h + (out_h - 1) * stride_h + 1 : stride_h,
            column * dilation_w : column * dilation_w + (out_w - 1) * stride_w + 1 : stride_w,
        ]
        for row in range(kernel_h)
        for column in range(kernel_w)
    ]
