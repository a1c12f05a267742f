"""Caches that a file slices into the states of its layers: one state a layer, each with a format of its own.

A cache (1, 400) may hold 24 values of one GRU, then 376 others; its output joins what these layers leave. Values of one tensor share
one scale, and a device would copy all of them twice a frame.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from ..graph import State
from ..onnx_reader.wiring import attribute
from .nodes import Nodes, remove_unread


@dataclass(frozen=True)
class _Part:
    """One layer's state: the values that a Slice, and perhaps a Reshape behind it, take from the cache, and what follows them."""

    taken: str
    left: str
    shape: tuple[int, ...]


def split_caches(
    model: onnx.ModelProto, states: Sequence[State], shapes: Mapping[str, tuple[int, ...]]
) -> tuple[State, ...]:
    """Split every cache of a folded model, in place, that is read by slices alone and joined again of as many parts; the states then.

    `states` are those of the model, `shapes` those of its values. What is no such cache stays as it is.
    """
    nodes = Nodes(model.graph)
    names = {name for node in model.graph.node for name in (*node.input, *node.output)}
    names |= {value.name for value in (*model.graph.input, *model.graph.output)}
    found: list[State] = []
    for state in states:
        parts = _parts(nodes, state, shapes)
        if parts is None:
            found.append(state)
            continue
        pairs = []
        for index, part in enumerate(parts):
            pair = State(_free(f"{state.input}_{index}", names), _free(f"{state.output}_{index}", names))
            names |= {pair.input, pair.output}
            pairs.append((pair, part))
        _replace(model.graph, state, pairs)
        found += [pair for pair, _ in pairs]
    remove_unread(model.graph)
    return tuple(found)


def caches(graph: onnx.GraphProto) -> list[str]:
    """Inputs that two Slices or more read, and nothing else: what may be such a cache."""
    nodes = Nodes(graph)
    readers = {value.name: nodes.readers(value.name) for value in graph.input}
    return [name for name, some in readers.items() if len(some) > 1 and all(n.op_type == "Slice" for n in some)]


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _parts(nodes: Nodes, state: State, shapes: Mapping[str, tuple[int, ...]]) -> list[_Part] | None:
    """The parts of a cache in order, or None for a state that is none."""
    joined = nodes.maker(state.output)
    readers = nodes.readers(state.input)
    if joined is None or joined.op_type != "Concat" or len(readers) < 2 or len(readers) != len(joined.input):
        return None
    rank = len(shapes[state.input])
    axis = attribute(joined, "axis") % rank
    ranges = {}
    for reader in readers:
        taken = _range(nodes, reader, axis, shapes[state.input])
        if taken is None:
            return None
        ranges[taken.start, taken.stop] = reader.output[0]
    ends = [0, *itertools.accumulate(shapes[name][axis] for name in joined.input)]
    if sorted(ranges) != list(itertools.pairwise(ends)) or ends[-1] != shapes[state.input][axis]:
        return None
    return [
        _shaped(nodes, ranges[place], left, shapes)
        for place, left in zip(itertools.pairwise(ends), joined.input, strict=True)
    ]


def _range(nodes: Nodes, reader: onnx.NodeProto, axis: int, shape: tuple[int, ...]) -> range | None:
    """Which values along an axis a Slice takes, where it is one along that axis alone, of neighbours."""
    if reader.op_type != "Slice":
        return None
    given = [nodes.constant(name) if name else None for name in (*reader.input[1:], "", "")[:4]]
    if given[0] is None or given[1] is None or given[0].size != 1:
        return None
    axes = np.zeros(1, int) if given[2] is None else np.ravel(given[2])
    step = 1 if given[3] is None else int(np.ravel(given[3])[0])
    if int(axes[0]) % len(shape) != axis or step != 1:
        return None
    first, last = (int(np.ravel(value)[0]) for value in given[:2] if value is not None)
    return range(*slice(first, last).indices(shape[axis]))


def _shaped(nodes: Nodes, taken: str, left: str, shapes: Mapping[str, tuple[int, ...]]) -> _Part:
    """A part in the shape in which its layer reads it, where what is left has that shape as well before it is joined."""
    readers = nodes.readers(taken)
    before = nodes.maker(left)
    inner = readers[0] if len(readers) == 1 and readers[0].op_type == "Reshape" else None
    outer = before.input[0] if before is not None and before.op_type == "Reshape" else None
    if inner is not None and outer is not None and shapes.get(inner.output[0]) == shapes.get(outer):
        return _Part(inner.output[0], outer, shapes[outer])
    size = math.prod(shapes[taken])
    same = shapes[taken] == shapes[left]
    return _Part(taken, left, shapes[taken] if same else (size,))


def _replace(graph: onnx.GraphProto, state: State, pairs: Sequence[tuple[State, _Part]]) -> None:
    """Let inputs stand for what was taken, and outputs for what is left."""
    for pair, part in pairs:
        for node in graph.node:
            node.input[:] = [pair.input if name == part.taken else name for name in node.input]
        graph.node.append(helper.make_node("Identity", [part.left], [pair.output], name=pair.output))
    for values, old, new in (
        (graph.input, state.input, [pair.input for pair, _ in pairs]),
        (graph.output, state.output, [pair.output for pair, _ in pairs]),
    ):
        kept = [value for value in values if value.name != old]
        place = next(index for index, value in enumerate(values) if value.name == old)
        made = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, part.shape)
            for name, (_, part) in zip(new, pairs, strict=True)
        ]
        kept[place:place] = made
        values_copy = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in kept]
        del values[:]
        values.extend(values_copy)
