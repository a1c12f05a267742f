"""PAD in front of a convolution that alone reads it: the convolution can pad for itself, and nothing is copied.

PAD fills with the zero point of its output, which is what a convolution takes for values outside.
"""

from __future__ import annotations

from ..graph import Graph, Operator, Region
from ..prepare import PadParams, prepare

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def find_paddings(graph: Graph) -> list[tuple[Region, tuple[Operator, ...]]]:
    """Each convolution with the PAD of rows and columns before it, under the name of the convolution."""
    makers = {name: op for op in graph.operators for name in op.outputs}
    outside = {*graph.outputs, *(state.output for state in graph.states)}
    found: list[tuple[Region, tuple[Operator, ...]]] = []
    for op in graph.operators:
        pad = makers.get(op.inputs[0]) if op.kind in _CONVOLUTIONS else None
        if pad is None or pad.kind != "PAD" or pad.outputs[0] in outside or op.options.get("padding") != "VALID":
            continue
        if graph.tensors[op.inputs[1]].shape[1:3] == (1, 1):
            continue
        params, readers = prepare(graph, pad), [other for other in graph.operators if pad.outputs[0] in other.inputs]
        assert isinstance(params, PadParams)
        if readers == [op] and not any((params.before[0], params.before[3], params.after[0], params.after[3])):
            roles = {"x": pad.inputs[0], "padded": pad.outputs[0], "y": op.outputs[0]}
            found.append((Region(op.name, "padding", roles), (pad, op)))
    return found
