"""What a sigmoid or tanh bounds keeps its format through copies and weighted means: no scale wider than the values can be.

A mean is a FULLY_CONNECTED without bias whose rows are positive and sum to at most one, such as bands spread over bins.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..float_graph import COPIES, FloatGraph, Hint
from ..graph import Operator
from .elementwise import SIGMOID, TANH

# What float32 may add to a sum of one.
SLACK = 2.0**-20


def keep_bounds(graph: FloatGraph) -> None:
    """Fix the format of every mean, and every concatenation, of what is bounded alike."""
    bounds = {name: tensor.hint.fixed for name, tensor in graph.tensors.items() if _is_bounded(tensor.hint)}
    for op in graph.operators:
        if op.region is not None:
            continue
        sources = _sources(graph, op)
        fixed = bounds.get(sources[0]) if sources else None
        if fixed is None or any(bounds.get(name) != fixed for name in sources):
            continue
        for out in op.outputs:
            tensor = graph.tensors[out]
            if tensor.hint == Hint():
                bounds[out] = fixed
                if op.kind not in COPIES:
                    graph.tensors[out] = replace(tensor, hint=Hint(fixed=fixed))


def _is_bounded(hint: Hint) -> bool:
    return hint.fixed in (SIGMOID.fixed, TANH.fixed)


def _sources(graph: FloatGraph, op: Operator) -> tuple[str, ...]:
    """The operands whose bounds hold for the result; none where it may leave them."""
    if op.kind in COPIES and op.kind != "PAD":
        return (op.inputs[COPIES[op.kind]],)
    if op.kind == "CONCATENATION":
        return op.inputs
    return op.inputs[:1] if op.kind == "FULLY_CONNECTED" and _is_mean(graph, op) else ()


def _is_mean(graph: FloatGraph, op: Operator) -> bool:
    weights, bias = (graph.tensors[name].data for name in op.inputs[1:3])
    assert weights is not None
    assert bias is not None
    fused = op.options.get("fused_activation_function", "NONE") != "NONE"
    positive = bool((weights >= 0).all())
    return positive and not fused and not bias.any() and bool(np.all(weights.sum(axis=1) <= 1.0 + SLACK))
