"""A line to each side of zero, of its own for every value: a rectifier beside its operand, and a product over both.

    y[c] = w[c] x[c] + v[c] relu(x[c]) + b[c]        DEPTHWISE_CONV_2D(CONCATENATION(x, RELU(x)))

Without a region every value is written twice before it is multiplied.
"""

from __future__ import annotations

from ..graph import Graph, Operator, Region
from ..prepare import DepthwiseConv2DParams, prepare


def find_two_lines(graph: Graph) -> list[tuple[Region, tuple[Operator, ...]]]:
    """All of a graph, each under the name of its product."""
    makers = {name: op for op in graph.operators for name in op.outputs}
    outside = {*graph.outputs, *(state.output for state in graph.states)}
    found: list[tuple[Region, tuple[Operator, ...]]] = []
    for op in graph.operators:
        joined = makers.get(op.inputs[0]) if op.kind == "DEPTHWISE_CONV_2D" and op.region is None else None
        if joined is None or joined.kind != "CONCATENATION" or len(joined.inputs) != 2:
            continue
        x, rectified = joined.inputs
        relu = makers.get(rectified)
        if relu is None or relu.kind != "RELU" or relu.inputs[0] != x or {rectified, joined.outputs[0]} & outside:
            continue
        readers = [other for other in graph.operators if {rectified, joined.outputs[0]} & set(other.inputs)]
        if readers == [joined, op] and _is_row_over_row(graph, x, op):
            found.append((Region(op.name, "two_lines", {"x": x, "y": op.outputs[0]}), (relu, joined, op)))
    return found


def _is_row_over_row(graph: Graph, x: str, op: Operator) -> bool:
    """Whether a product sees two rows of one value a channel, and nothing beyond them."""
    shape, params = graph.tensors[x].shape, prepare(graph, op)
    assert isinstance(params, DepthwiseConv2DParams)
    channels = len(params.weights)
    both = graph.tensors[op.inputs[0]].shape
    return shape == (1, 1, 1, channels) and both == (1, 2, 1, channels) and params.weights.shape[1:] == (2, 1)
