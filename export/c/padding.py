"""PAD in front of a convolution: the convolution pads for itself, and nothing is copied."""

from __future__ import annotations

from ...quantize.graph import Graph, Operator
from ...quantize.prepare import PadParams, prepare

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def folded_pads(graph: Graph) -> dict[str, Operator]:
    """Name of a convolution -> the PAD that it does on its way: rows and columns of the only thing that reads it.

    PAD fills with the zero point of its output, which is what a convolution takes for values outside.
    """
    makers = {name: op for op in graph.operators for name in op.outputs}
    outside = {*graph.outputs, *(state.output for state in graph.states)}
    found = {}
    for op in graph.operators:
        pad = makers.get(op.inputs[0]) if op.kind in _CONVOLUTIONS else None
        if pad is None or pad.kind != "PAD" or pad.outputs[0] in outside or op.options.get("padding") != "VALID":
            continue
        if graph.tensors[op.inputs[1]].shape[1:3] == (1, 1):
            continue
        params, readers = prepare(graph, pad), [other for other in graph.operators if pad.outputs[0] in other.inputs]
        assert isinstance(params, PadParams)
        if readers == [op] and not any((params.before[0], params.before[3], params.after[0], params.after[3])):
            found[op.name] = pad
    return found
