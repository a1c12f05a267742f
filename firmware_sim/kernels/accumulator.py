"""Sums of products in floating point, exact: what FULLY_CONNECTED, CONV_2D and DEPTHWISE_CONV_2D share."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from ...quantize.arithmetic import clamp, requantise_64_of_float, requantise_double
from ...quantize.prepare import Conv2DParams, DepthwiseConv2DParams, FullyConnectedParams

Products = FullyConnectedParams | Conv2DParams | DepthwiseConv2DParams


@dataclass(frozen=True, eq=False)
class FloatWeights:
    """Weights of a layer as the matrix product takes them.

    matrix (groups, KH * KW * I, O / groups) and bias (O,), both of the dtype in which every sum is exact.
    """

    matrix: np.ndarray
    bias: np.ndarray

    @property
    def dtype(self) -> np.dtype:
        return self.matrix.dtype


_CACHE: WeakKeyDictionary[Products, FloatWeights] = WeakKeyDictionary()


def float_weights(params: Products, groups: int = 1) -> FloatWeights:
    """The layer's weights in floating point, made once; the input's zero point is moved into the bias."""
    if params not in _CACHE:
        _CACHE[params] = _float_weights(params, groups)
    return _CACHE[params]


def _float_weights(params: Products, groups: int) -> FloatWeights:
    rows = params.weights.reshape(len(params.weights), -1).astype(np.int64)
    bias = params.bias - params.input_zero_point * rows.sum(axis=1)
    # BLAS may add in any order: all partial sums are bounded by this one, and integers below 2**24 (2**53) are exact
    # in single (double) precision. The largest output tells the dtype, of which the input is too.
    largest_input = 1 << (7 if params.activation_max <= 127 else 15)
    bound = int((np.abs(rows).sum(axis=1) * largest_input + np.abs(bias)).max())
    dtype = np.float32 if bound < 2**24 else np.float64
    matrix = rows.reshape(groups, len(rows) // groups, -1).transpose(0, 2, 1)
    return FloatWeights(np.ascontiguousarray(matrix, dtype), bias.astype(dtype))


def requantised(params: Products, sums: np.ndarray) -> np.ndarray:
    """Sums (..., O) without bias, overwritten -> int64 (..., O)."""
    sums += float_weights(params).bias
    if params.wide:
        y = requantise_64_of_float(np.asarray(sums, np.float64), params.multiplier_q31, params.shift, overwrite=True)
        y += params.output_zero_point
        clamp(y, params.activation_min, params.activation_max)
        return y.astype(np.int64)
    y = requantise_double(sums.astype(np.int64), params.multiplier_q31, params.shift, overwrite=True)
    y += params.output_zero_point
    return clamp(y, params.activation_min, params.activation_max)
