"""Which tensors share memory, and which lie on a boundary of words."""

from __future__ import annotations

from ...quantize.graph import Graph

ALIGNMENT = 4


def roots(graph: Graph) -> dict[str, str]:
    """The tensor whose memory each tensor shares: RESHAPE changes no value, so it costs no copy."""
    root = {name: name for name in graph.tensors}
    for op in graph.operators:
        if op.kind == "RESHAPE":
            root[op.outputs[0]] = root[op.inputs[0]]
    return root


def is_aligned(graph: Graph, name: str) -> bool:
    """Whether a tensor lies on a boundary of 4 bytes on every device: no constant, not the caller's, no state behind an
    odd one.
    """
    owner = roots(graph)[name]
    states = {tensor for state in graph.states for tensor in (state.input, state.output)}
    even = all(graph.tensors[state.input].bytes % ALIGNMENT == 0 for state in graph.states)
    outside = graph.tensors[owner].is_constant or owner in (*graph.inputs, *graph.outputs)
    return not outside and (even or owner not in states)
