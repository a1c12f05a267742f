"""Cross-layer equalisation: channels that share a scale get ranges nearer to each other, and the network stays what it is.

Between two products of weights a channel may be multiplied by any s > 0 if the weights that make it are multiplied too and
the weights that read it divided: rectifiers, sums, histories and paddings do not mind. With s = (widest / own range)^strength
a strength of 1 gives every channel the range of the widest, 0 changes nothing; half-way costs the weights less.

Source: Nagel et al., Data-free quantization through weight equalization and bias correction, 2019, section 4.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from .calibrate import Observations
from .float_graph import FloatGraph
from .graph import Operator
from .groups import Groups

# A channel's range: what all but a thousandth of its values keep to.
PERCENTILE = 99.9
# Channels that are next to nothing are not blown up beyond this.
MOST = 64.0
_PRODUCTS = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D")
_RECTIFIERS = ("LEAKY_RELU", "RELU")


def equalise(graph: FloatGraph, seen: Observations, strength: float) -> tuple[FloatGraph, Observations]:
    """The graph with equalised channels, and what calibration would have seen in it; unchanged for a strength of 0."""
    if strength == 0.0:
        return graph, seen
    factors: dict[str, np.ndarray] = {}
    for members in free_groups(graph):
        factor = _factors(graph, seen, members, strength)
        if factor is not None:
            factors.update(dict.fromkeys(members, factor))
    return _scaled_graph(graph, factors), _scaled_observations(seen, factors)


def free_groups(graph: FloatGraph) -> list[list[str]]:
    """Activations that must be scaled alike, channel by channel, and may be: products make them, products read them."""
    activations = [name for name, tensor in graph.tensors.items() if tensor.data is None]
    groups, blocked = Groups(activations), set(graph.inputs) | set(graph.outputs)
    for op in graph.operators:
        tied = [name for name in (*op.inputs, *op.outputs) if name and graph.tensors[name].data is None]
        if op.kind in _PRODUCTS and _reads_channels(graph, op):
            continue
        if _keeps_channels(graph, op):
            for name in tied[1:]:
                groups.join(tied[0], name)
        else:
            blocked.update(tied)
    for state in graph.states:
        groups.join(state.input, state.output)
    for name in activations:
        hint = graph.tensors[name].hint
        if hint.fixed or hint.span or hint.limit or hint.like or hint.dtype or hint.power_of_two:
            blocked.add(name)
    return [members for members in groups.members().values() if not blocked & set(members)]


def _reads_channels(graph: FloatGraph, op: Operator) -> bool:
    """Whether the columns of the weights are the channels of the input."""
    channels = graph.tensors[op.inputs[0]].shape[-1]
    weights = graph.tensors[op.inputs[1]].shape
    return op.region is None and (op.kind != "FULLY_CONNECTED" or weights[1] == channels)


def _keeps_channels(graph: FloatGraph, op: Operator) -> bool:
    """Whether every channel of the output is the same channel of the inputs, or of their sum."""
    shapes = [graph.tensors[name].shape for name in (*op.inputs, *op.outputs)]
    constants = [graph.tensors[name].data for name in op.inputs]
    if op.region is not None:
        return False
    if op.kind in _RECTIFIERS:
        return True
    if op.kind == "ADD":
        return shapes[0] == shapes[1] and all(data is None for data in constants)
    if op.kind == "CONCATENATION":
        return op.options["axis"] != len(shapes[0]) - 1 and all(data is None for data in constants)
    if op.kind in ("RESHAPE", "STRIDED_SLICE", "PAD"):
        backwards = op.kind == "STRIDED_SLICE" and constants[3] is not None and int(constants[3][-1]) != 1
        return shapes[0][-1] == shapes[-1][-1] and not backwards
    return False


def _factors(graph: FloatGraph, seen: Observations, members: Iterable[str], strength: float) -> np.ndarray | None:
    """s of every channel, at four significant bits: the last bits of a float range must not decide a weight's code."""
    channels = {graph.tensors[name].shape[-1] for name in members}
    if len(channels) != 1:
        return None
    (count,) = channels
    values = [seen.values[name].reshape(-1, count) for name in members if name in seen.values and _counts(graph, name)]
    if not values or count == 1:
        return None
    ranges = np.max([np.percentile(np.abs(rows), PERCENTILE, axis=0) for rows in values], axis=0)
    widest = float(ranges.max())
    if widest == 0.0:
        return None
    raw = (widest / np.maximum(ranges, widest / MOST)) ** strength
    return np.array([math.ldexp(round(math.frexp(s)[0] * 16), math.frexp(s)[1] - 4) for s in raw.tolist()])


def _counts(graph: FloatGraph, name: str) -> bool:
    """What stands in front of a rectifier has a range of its own; only what comes out is read by weights."""
    readers = graph.consumers(name)
    return not (len(readers) == 1 and readers[0].kind in (*_RECTIFIERS, "RESHAPE") and graph.producer(name) is not None)


def _scaled_graph(graph: FloatGraph, factors: Mapping[str, np.ndarray]) -> FloatGraph:
    tensors = dict(graph.tensors)
    for op in graph.operators:
        if op.kind not in _PRODUCTS:
            continue
        weights, bias = (tensors[name] for name in op.inputs[1:3])
        assert weights.data is not None
        assert bias.data is not None
        data = weights.data
        if (columns := factors.get(op.inputs[0])) is not None:
            data = data / _as_columns(op, data, columns)
        if (rows := factors.get(op.outputs[0])) is not None:
            depthwise = op.kind == "DEPTHWISE_CONV_2D"
            data = data * (rows if depthwise else rows.reshape(-1, *([1] * (data.ndim - 1))))
            tensors[bias.name] = replace(bias, data=bias.data * rows)
        tensors[weights.name] = replace(weights, data=data)
    return replace(graph, tensors=tensors)


def _as_columns(op: Operator, weights: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """The factors of the input's channels in the shape of the weights."""
    if op.kind == "DEPTHWISE_CONV_2D":
        return factor
    depth, outputs = weights.shape[-1], len(weights)
    groups = len(factor) // depth
    rows = np.repeat(factor.reshape(groups, depth), outputs // groups, axis=0)
    return rows.reshape(outputs, *([1] * (weights.ndim - 2)), depth)


def _scaled_observations(seen: Observations, factors: Mapping[str, np.ndarray]) -> Observations:
    values, extremes = dict(seen.values), dict(seen.extremes)
    for name in values.keys() & factors.keys():
        rows = values[name]
        scaled = (rows.reshape(-1, len(factors[name])) * factors[name].astype(np.float32)).reshape(rows.shape)
        values[name] = scaled
        # Where only a sample was kept, an extreme of all frames may have been larger than the sample's.
        beyond = max(abs(end) for end in extremes[name]) / max(float(np.abs(rows).max()), 1e-30)
        extremes[name] = float(scaled.min()) * max(beyond, 1.0), float(scaled.max()) * max(beyond, 1.0)
    return replace(seen, values=values, extremes=extremes)
