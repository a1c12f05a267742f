"""The weights of GTCRN as a device takes them: BatchNorm folded, transposed convolutions as plain ones, grouped GRUs as one.

All results are float64. Convolutions have ONNX's layout (O, I, rows, taps), GRUs its gate order z, r, n. Every step is exact in
real numbers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from torch import nn

from .blocks import HALF, ConvBlock, DualPathGru, GroupedGru, GTConvBlock


class Affine(NamedTuple):
    """Weights and bias (O,) of a convolution, or of a product with a row of inputs: then weights are (inputs, outputs)."""

    weights: np.ndarray
    bias: np.ndarray


class GruWeights(NamedTuple):
    """W (directions, 3 H, inputs), R (directions, 3 H, H), B (directions, 6 H): input biases, then recurrent ones."""

    w: np.ndarray
    r: np.ndarray
    b: np.ndarray


def array(value: Any) -> np.ndarray:
    """A parameter or buffer as float64."""
    result: np.ndarray = value.detach().cpu().double().numpy()
    return result


def dense(layer: nn.Linear) -> Affine:
    return Affine(array(layer.weight).T, array(layer.bias))


def fold_norm(weights: np.ndarray, layer: nn.Conv2d | nn.ConvTranspose2d, norm: nn.BatchNorm2d) -> Affine:
    """Weights (O, ...) of a convolution layer with the BatchNorm that follows it."""
    scale = array(norm.weight) / np.sqrt(array(norm.running_var) + norm.eps)
    bias = (array(layer.bias) - array(norm.running_mean)) * scale + array(norm.bias)
    return Affine(weights * scale.reshape(-1, *[1] * (weights.ndim - 1)), bias)


def neighbours_last(block: ConvBlock) -> Affine:
    """The first block, its inputs ordered neighbour by neighbour, the three features inside, instead of the other way round."""
    weights = array(block.conv.weight)
    outputs, inputs, rows, taps = weights.shape
    turned = weights.reshape(outputs, inputs // 3, 3, rows, taps).transpose(0, 2, 1, 3, 4)
    return fold_norm(turned.reshape(weights.shape), block.conv, block.bn)


def strided(block: ConvBlock) -> Affine:
    """A block of the encoder as it is; its groups stay those of the layer."""
    return fold_norm(array(block.conv.weight), block.conv, block.bn)


def even_and_odd(block: ConvBlock) -> Affine:
    """A transposed convolution with stride 2 as a plain one (2 O, I, 1, 3): first the outputs at even bins, then at odd ones.

    y[2 f] = w4 x[f - 1] + w2 x[f] + w0 x[f + 1] and y[2 f + 1] = w3 x[f] + w1 x[f + 1]; groups become blocks of a matrix
    that is zero elsewhere.
    """
    grouped = array(block.conv.weight)[:, :, 0]  # (I, O / groups, 5)
    inputs, per_group, _ = grouped.shape
    groups = block.conv.groups
    outputs = per_group * groups
    kernel = np.zeros((outputs, inputs, 5))
    for group in range(groups):
        rows, columns = slice(group * per_group, (group + 1) * per_group), _part(inputs, groups, group)
        kernel[rows, columns] = grouped[columns].transpose(1, 0, 2)
    folded = fold_norm(kernel, block.conv, block.bn)
    taps = np.zeros((2, outputs, inputs, 3))
    taps[0] = folded.weights[:, :, [4, 2, 0]]
    taps[1, :, :, 1:] = folded.weights[:, :, [3, 1]]
    return Affine(taps.reshape(2 * outputs, inputs, 1, 3), np.tile(folded.bias, 2))


def _part(size: int, parts: int, index: int) -> slice:
    return slice(size // parts * index, size // parts * (index + 1))


def _pointwise(layer: nn.Conv2d | nn.ConvTranspose2d) -> np.ndarray:
    """(O, I) of a convolution of one bin, transposed or not."""
    weights = array(layer.weight)[:, :, 0, 0]
    return weights.T if isinstance(layer, nn.ConvTranspose2d) else weights


def first_point(block: GTConvBlock) -> Affine:
    """The neighbours and the convolution over them as one, (16, 8, 1, 3)."""
    weights = _pointwise(block.point_conv1)
    taps = weights.reshape(len(weights), HALF, 1, 3)
    return fold_norm(taps, block.point_conv1, block.point_bn1)


def depthwise(block: GTConvBlock) -> Affine:
    """(16, 1, 3, 3) over frames oldest first; a transposed layer's kernel is turned round on both axes."""
    weights = array(block.depth_conv.weight)
    if isinstance(block.depth_conv, nn.ConvTranspose2d):
        weights = weights[:, :, ::-1, ::-1]
    return fold_norm(weights, block.depth_conv, block.depth_bn)


def second_point(block: GTConvBlock) -> Affine:
    """As a product with a row of channels, (16, 8)."""
    folded = fold_norm(_pointwise(block.point_conv2), block.point_conv2, block.point_bn2)
    return Affine(folded.weights.T, folded.bias)


def attention_gru(block: GTConvBlock) -> GruWeights:
    return merged_gru([[block.tra.att_gru]], [""])


def intra_gru(block: DualPathGru) -> GruWeights:
    """Both directions, hidden units of `rnn1` first in each."""
    return merged_gru([_halves(block.intra_rnn)] * 2, ["", "_reverse"])


def inter_gru(block: DualPathGru) -> GruWeights:
    return merged_gru([_halves(block.inter_rnn)], [""])


def intra_fc(block: DualPathGru) -> Affine:
    """For rows of which the first half is forward, the second backward; the official order is group by group."""
    folded = dense(block.intra_fc)
    quarters = folded.weights.reshape(2, 2, -1, folded.weights.shape[1])  # group, direction
    return Affine(quarters.transpose(1, 0, 2, 3).reshape(folded.weights.shape), folded.bias)


def _halves(rnn: GroupedGru) -> list[nn.GRU]:
    return [rnn.rnn1, rnn.rnn2]


def merged_gru(directions: list[list[nn.GRU]], suffixes: list[str]) -> GruWeights:
    """GRUs over parts of the input as one over all of it, for each direction; the matrices are zero between the parts."""
    merged = []
    for parts, suffix in zip(directions, suffixes, strict=True):
        stacks = {
            kind: [_gates(array(getattr(gru, f"{kind}_l0{suffix}"))) for gru in parts]
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        w, r = (_block_diagonal(stacks[kind]) for kind in ("weight_ih", "weight_hh"))
        b = np.concatenate([np.concatenate(stacks[kind], axis=1).reshape(-1) for kind in ("bias_ih", "bias_hh")])
        merged.append((w, r, b))
    return GruWeights(*(np.stack(values) for values in zip(*merged, strict=True)))


def _gates(stacked: np.ndarray) -> np.ndarray:
    """Torch's rows of r, z, n as (3, H, ...) in ONNX's order z, r, n."""
    return stacked.reshape(3, -1, *stacked.shape[1:])[[1, 0, 2]]


def _block_diagonal(parts: list[np.ndarray]) -> np.ndarray:
    """Matrices (3, H, I), one a part -> (3 sum of H, sum of I)."""
    rows, columns = (sum(part.shape[axis] for part in parts) for axis in (1, 2))
    out = np.zeros((3, rows, columns))
    row = column = 0
    for part in parts:
        out[:, row : row + part.shape[1], column : column + part.shape[2]] = part
        row, column = row + part.shape[1], column + part.shape[2]
    return out.reshape(3 * rows, columns)
