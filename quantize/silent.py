"""Parts of a network that calibration never heard: rectifiers that give nothing but zeros, and what works for them alone.

An example. In DeepFilterNet3 a convolution over five past frames ends in a rectifier whose operand was below zero in every frame. Its
zeros are added to the coefficients. Without it the sum is its other operand, the convolution goes, and so do the frames that it kept.
What was silent in calibration need not be silent for ever: so a recipe asks for this (`leave_out_silent`), and the manifest names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .calibrate import Observations
from .float_graph import COPIES, FloatGraph
from .graph import Operator, State


def without_silent(graph: FloatGraph, seen: Observations) -> tuple[FloatGraph, tuple[str, ...]]:
    """The graph without its silent rectifiers, where their zeros are only added to something, and the names of those; unchanged
    where there is none.
    """
    made = replace(graph, tensors=dict(graph.tensors), operators=list(graph.operators), states=list(graph.states))
    left_out = []
    for op in graph.operators:
        sums = _sums_of(made, op) if _is_silent(op, seen) else None
        if sums is None:
            continue
        for add, zeros in sums:
            _keep_other(made, add, zeros)
        left_out.append(op.outputs[0])
    if not left_out:
        return graph, ()
    _drop_unused(made)
    return made, tuple(left_out)


def _is_silent(op: Operator, seen: Observations) -> bool:
    """Whether a rectifier gave only zeros in all frames of the calibration."""
    rectifies = op.kind == "RELU" or op.options.get("fused_activation_function") == "RELU"
    return rectifies and op.region is None and seen.extremes.get(op.outputs[0], (0.0, 1.0))[1] <= 0.0


def _sums_of(graph: FloatGraph, op: Operator) -> list[tuple[Operator, str]] | None:
    """The sums that alone read a result, or copies of it, each with the operand that is that; None where something else reads it."""
    waiting, found = [op.outputs[0]], []
    while waiting:
        name = waiting.pop()
        if name in graph.outputs or any(name == state.output for state in graph.states):
            return None
        for reader in graph.consumers(name):
            if reader.kind in COPIES and reader.region is None:
                waiting.extend(reader.outputs)
            elif _is_sum(graph, reader):
                found.append((reader, name))
            else:
                return None
    return found or None


def _is_sum(graph: FloatGraph, op: Operator) -> bool:
    sizes = {int(np.prod(graph.tensors[name].shape)) for name in (*op.inputs, *op.outputs)}
    plain = op.options.get("fused_activation_function", "NONE") == "NONE"
    return op.kind == "ADD" and op.region is None and plain and len(sizes) == 1 and op.inputs[0] != op.inputs[1]


def _keep_other(graph: FloatGraph, add: Operator, zeros: str) -> None:
    """A sum with zeros becomes its other operand, under the name of the sum."""
    other = next(name for name in add.inputs if name != zeros)
    out = add.outputs[0]
    shape = graph.tensors[out].shape
    target = graph.add_constant(f"{out}/shape", np.asarray(shape, np.int32))
    index = graph.operators.index(add)
    graph.operators[index] = Operator("RESHAPE", add.name, (other, target), add.outputs, {"new_shape": list(shape)})


def _drop_unused(graph: FloatGraph) -> None:
    """Drop what no output needs, states that are only kept for themselves included."""
    kept: list[State] = []
    needed = _needed(graph, graph.outputs)
    while more := [state for state in graph.states if state not in kept and state.input in needed]:
        kept += more
        needed |= _needed(graph, [state.output for state in more])
    graph.states = [state for state in graph.states if state in kept]
    graph.remove_unused([*graph.outputs, *(state.output for state in graph.states)])


def _needed(graph: FloatGraph, wanted: Sequence[str]) -> set[str]:
    """The tensors that some tensors come from, themselves included."""
    found = set(wanted)
    for op in reversed(graph.operators):
        if found & set(op.outputs):
            found.update(op.inputs)
    return found
