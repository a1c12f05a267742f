"""FULLY_CONNECTED, int8 and int16 activations with int8 weights."""

from __future__ import annotations

import numpy as np

from ...quantize.prepare import FullyConnectedParams
from .accumulator import float_weights, requantised


def fully_connected(params: FullyConnectedParams, x: np.ndarray) -> np.ndarray:
    """x int64 (B, ..., I) -> int64 (B, *output_shape)."""
    weights = float_weights(params)
    rows = x.reshape(-1, params.weights.shape[1]).astype(weights.dtype)
    return requantised(params, rows @ weights.matrix[0]).reshape(x.shape[0], *params.output_shape)
