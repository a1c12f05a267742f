"""The taps of a depthwise convolution as `stapes_depthwise_pair` reads them: 3 x 3 over a row of positions, int16.

Two channels share WORDS words, in the order in which a position meets them:

    three words of column 2, two multipliers, three words of column 1, two biases, three words of column 0

where the words of a column are, as (lower, upper) halfwords: the first two rows of the first channel, those of the
second channel, and the last row of both. Weights and biases may be multiplied by a power of two so that the multiplier of
`requantise_64` becomes one of 32 bits.

A convolution along the one row that there is, of any number of taps and any stride, has its taps by four channels:

    words[channels / 4][4 biases, taps times (first and second channel, third and fourth), 4 multipliers]
"""

from __future__ import annotations

import numpy as np

from ...quantize.prepare import DepthwiseConv2DParams
from .packing import folded_multiplier

FORM = "channel pairs"
ROW_FORM = "channels by fours"
WORDS = 13
_INT16 = (-(2**15), 2**15 - 1)


def packed_taps(params: DepthwiseConv2DParams, input_shape: tuple[int, ...]) -> np.ndarray | None:
    """int32 (channels / 2, WORDS), or None for a convolution that is not 3 x 3 with one row of outputs."""
    _, rows, width, channels = input_shape
    if params.weights.shape[1:] != (3, 3) or channels % 2 or not params.wide or not _walks_one_row(params, rows, width):
        return None
    bound = np.abs(params.weights.astype(np.int64)).sum(axis=(1, 2)) * 2**15 + np.abs(params.bias)
    folded = folded_multiplier(params.multiplier_q31, params.shift, bound)
    if folded is None:
        return None
    left, multiplier = folded
    weights = params.weights.astype(np.int64) << left[:, None, None]
    bias, multiplier = ((values.reshape(-1, 2)) for values in (params.bias << left, multiplier))
    columns = [_column(weights[:, :, column]) for column in range(3)]
    return np.concatenate([columns[2], multiplier, columns[1], bias, columns[0]], axis=1).astype(np.int32)


def packed_row(params: DepthwiseConv2DParams, input_shape: tuple[int, ...]) -> np.ndarray | None:
    """int32 (channels / 4, 8 + 2 * taps), or None for a convolution over more than one row, or with more to do than rounding."""
    _, rows, _, channels = input_shape
    if rows != 1 or params.weights.shape[1] != 1 or params.padding[0] or params.dilation[1] != 1 or channels % 4:
        return None
    if not (params.wide and only_rounds(params)):
        return None
    weights = params.weights.astype(np.int64)[:, 0]
    bound = np.abs(weights).sum(axis=1) * 2**15 + np.abs(params.bias)
    folded = folded_multiplier(params.multiplier_q31, params.shift, bound)
    if folded is None:
        return None
    left, multiplier = folded
    pairs = (weights << left[:, None]).reshape(channels // 4, 2, 2, -1)
    taps = word(pairs[:, :, 0], pairs[:, :, 1]).transpose(0, 2, 1).reshape(channels // 4, -1)
    bias, multiplier = ((values.reshape(-1, 4)) for values in (params.bias << left, multiplier))
    return np.concatenate([bias, taps, multiplier], axis=1).astype(np.int32)


def only_rounds(params: DepthwiseConv2DParams) -> bool:
    """Whether nothing is done to a sum but rounding."""
    limits = (params.activation_min, params.activation_max)
    return params.input_zero_point == 0 and params.output_zero_point == 0 and limits == _INT16


def _walks_one_row(params: DepthwiseConv2DParams, rows: int, width: int) -> bool:
    """Whether there is an output for each position of one row, which is only rounded."""
    return (
        params.output_shape[1:3] == (1, width)
        and width > 1
        and params.stride[1] == 1
        and params.dilation[1] == 1
        and params.padding == (0, 1)
        and 2 * params.dilation[0] < rows
        and only_rounds(params)
    )


def _column(weights: np.ndarray) -> np.ndarray:
    """int64 (channels, 3 rows) -> (channels / 2, 3 words)."""
    first, second = weights[0::2], weights[1::2]
    words = [word(first[:, 0], first[:, 1]), word(second[:, 0], second[:, 1]), word(first[:, 2], second[:, 2])]
    return np.stack(words, axis=1)


def word(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Two int16 as an int32."""
    return (upper << 16) | (lower & 0xFFFF)
