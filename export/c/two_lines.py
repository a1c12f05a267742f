"""A line to each side of zero (`quantize/regions/two_lines.py`) as one kernel, in int16.

Each channel has three words: its bias, its two weights as (lower, upper) halfwords, its multiplier. Weights and biases may be multiplied by
a power of two so that the multiplier of `requantise_64` becomes one of 32 bits.
"""

from __future__ import annotations

import numpy as np

from ...quantize.graph import Graph, Region
from ...quantize.prepare import DepthwiseConv2DParams, ReluParams, prepare
from ...quantize.regions import maker
from .constants import Constants
from .depthwise import only_rounds, word
from .fields import Fields
from .packing import folded_multiplier

FORM = "two lines"


def is_two_lines(graph: Graph, region: Region) -> bool:
    """Whether a region computes what `stapes_two_lines_s16` computes, to the bit."""
    x = region.roles["x"]
    relu = next(op for op in graph.operators if op.kind == "RELU" and op.inputs[0] == x)
    rectifier = prepare(graph, relu)
    assert isinstance(rectifier, ReluParams)
    tensors = [graph.tensors[name] for name in (x, relu.outputs[0], region.roles["y"])]
    same = all(tensor.dtype == "int16" for tensor in tensors) and _scale(tensors[0]) == _scale(tensors[1])
    return same and _words(graph, region) is not None


def _scale(tensor: object) -> float:
    return float(tensor.scale[0])  # type: ignore[attr-defined]


def two_lines_fields(graph: Graph, region: Region, arrays: Constants) -> Fields:
    """Fields of `stapes_two_lines_s16_params`."""
    words = _words(graph, region)
    assert words is not None
    return {"size": len(words), "words": arrays.add(f"{region.name} words", words)}


def _words(graph: Graph, region: Region) -> np.ndarray | None:
    """int32 (channels, 3), or None where more is done than rounding, or no multiplier of 32 bits gives the same bits."""
    params = prepare(graph, maker(graph, region.roles["y"]))
    assert isinstance(params, DepthwiseConv2DParams)
    if not (params.wide and only_rounds(params)):
        return None
    weights = params.weights.astype(np.int64).reshape(-1, 2)
    folded = folded_multiplier(
        params.multiplier_q31, params.shift, np.abs(weights).sum(axis=1) * 2**15 + np.abs(params.bias)
    )
    if folded is None:
        return None
    left, multiplier = folded
    pairs = weights << left[:, None]
    return np.stack([params.bias << left, word(pairs[:, 0], pairs[:, 1]), multiplier], axis=1).astype(np.int32)
