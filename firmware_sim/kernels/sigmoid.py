"""LOGISTIC and TANH: a table lookup in int8, an interpolated table in int16."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ...quantize.prepare import LutParams, SigmoidParams
from ...quantize.tables import SIGMOID_Q16


def lookup(params: LutParams | SigmoidParams, x: np.ndarray) -> np.ndarray:
    """LOGISTIC and TANH by the table that their dtype has."""
    return lut(params, x) if isinstance(params, LutParams) else sigmoid(params, x)


def lut(params: LutParams, x: np.ndarray) -> np.ndarray:
    """LOGISTIC and TANH of int8: x int64 (B, *shape) -> the same shape."""
    result: np.ndarray = params.table.astype(np.int64)[x + 128]
    return result


def sigmoid(params: SigmoidParams, x: np.ndarray) -> np.ndarray:
    """LOGISTIC and TANH of int16: x int64 (B, *shape) -> the same shape, scale 2**-15.

    Every one of the 65536 values is computed once for each pair of parameters, then looked up.
    """
    result: np.ndarray = _every_value(params)[x + 32768]
    return result


@lru_cache(maxsize=64)
def _every_value(params: SigmoidParams) -> np.ndarray:
    return interpolate(params, np.arange(-32768, 32768, dtype=np.int64))


def interpolate(params: SigmoidParams, x: np.ndarray) -> np.ndarray:
    """The definition: |x * multiplier >> shift| is a position in the table of the sigmoid, linear between its entries.

    Source: `Logistic` and `Tanh` for int16 in TensorFlow Lite's reference kernels.
    """
    half = (1 << params.shift) >> 1
    position = (x * params.multiplier + half) >> params.shift
    # tanh(x) = 2 sigmoid(2x) - 1: twice the step through the table, one fraction bit less.
    fraction_bits = 8 if params.tanh else 9
    magnitude = np.abs(position)
    index = magnitude >> fraction_bits
    fraction = magnitude & ((1 << fraction_bits) - 1)
    low, high = SIGMOID_Q16[np.minimum(index, 255)], SIGMOID_Q16[np.minimum(index + 1, 255)]
    value = (low << fraction_bits) + fraction * (high - low)
    if params.tanh:
        value = np.where(index >= 255, 0xFFFF << 8, value)
        return np.where(position >= 0, value - (1 << 23) + 128, -value + (1 << 23) + 127) >> 8
    value = np.where(index >= 255, 0x7FFF << 10, value)
    return np.where(position >= 0, value + 512, (1 << 25) - value + 511) >> 10
