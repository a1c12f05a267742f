"""States that are pairs of an input and an output in the file: the output of a frame is the input of the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ....models.errors import StapesError
from ....quantize.graph import Graph, Operator, State, Tensor
from ....quantize.prepare import prepare
from .building import same_format, told_format


@dataclass(frozen=True)
class Taken:
    """A file that was taken: its graph, and the inputs and outputs that are float in the file."""

    graph: Graph
    float_ends: frozenset[str] = frozenset()


def with_pairs(taken: Taken, pairs: Sequence[State]) -> tuple[Graph, list[str]]:
    """The graph with these pairs as states, behind those of its variables, and what is to be told of them.

    Where the two formats of a pair differ, the state has that of the output, and a QUANTIZE stands in front of the file's operators.
    Raises StapesError for a pair of different shapes, or of different formats with float ends, between which the file says nothing.
    """
    graph, notes = taken.graph, []
    for pair in pairs:
        before, after = graph.tensors[pair.input], graph.tensors[pair.output]
        if before.shape != after.shape:
            raise StapesError(
                f"state {pair.input!r} is {before.shape}, and {pair.output!r} is {after.shape}; name pairs of one shape"
            )
        graph = replace(
            graph,
            inputs=tuple(name for name in graph.inputs if name != pair.input),
            outputs=tuple(name for name in graph.outputs if name != pair.output),
            states=(*graph.states, pair),
        )
        if same_format(before, after):
            continue
        told = f"state {pair.input!r} ({told_format(before)}) and {pair.output!r} ({told_format(after)})"
        if {pair.input, pair.output} & taken.float_ends:
            raise StapesError(
                f"{told} differ in format, and are float32 outside; convert the model with integer inputs and outputs"
            )
        graph = _carried(graph, pair)
        notes.append(f"{told} differ in format: carried as the second, a QUANTIZE makes the first of it")
    return graph, notes


def _carried(graph: Graph, pair: State) -> Graph:
    """The state in the format of its output, and a QUANTIZE to that of its input in front."""
    inner = f"{pair.input}/requantised"
    while inner in graph.tensors:
        inner += "_2"
    before, after = graph.tensors[pair.input], graph.tensors[pair.output]
    state = Tensor(pair.input, after.shape, after.dtype, after.scale, after.zero_point)
    tensors = {**graph.tensors, pair.input: state, inner: replace(before, name=inner)}
    first = Operator("QUANTIZE", inner, (pair.input,), (inner,))
    behind = (
        replace(op, inputs=tuple(inner if name == pair.input else name for name in op.inputs)) for op in graph.operators
    )
    made = replace(graph, tensors=tensors, operators=(first, *behind))
    prepare(made, first)
    return made
