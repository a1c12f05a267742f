"""Operators that only move values, several in a row as one copy: SLICE, CONCATENATION, TRANSPOSE, PAD and RESHAPE.

What such a chain makes is followed back to the tensors that its values come from (`origins` of every value), and covered
with boxes: blocks of the result whose values lie in one tensor at fixed steps. What stood in between is never written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from ..graph import Graph, Operator, Region
from ..operators import OPERATORS
from ..prepare import ConcatenationParams, PadParams, SliceParams, TransposeParams, prepare

# With one result.
_MOVERS = frozenset(kind for kind, entry in OPERATORS.items() if entry.moves is not None) - {"SPLIT"}
# Each box is a copy of its own; with more of them the operators are run as they stand.
_MOST_BOXES = 8


@dataclass(frozen=True)
class Box:
    """A block of a result: where its values come from, `source` None for a PAD's `value`; offsets and steps in values."""

    source: str | None
    extent: tuple[int, ...]
    input_offset: int
    input_step: tuple[int, ...]
    output_offset: int
    output_step: tuple[int, ...]
    value: int = 0

    @property
    def is_dense(self) -> bool:
        """Whether the block lies together in the result."""
        steps, expected = [], 1
        for extent, step in zip(reversed(self.extent), reversed(self.output_step), strict=True):
            steps.append(extent == 1 or step == expected)
            expected *= extent
        return all(steps)


@dataclass(frozen=True, eq=False)
class _Origin:
    """Of each value of a tensor: the number of its source, -1 for padding, and its place there or the padding's value."""

    source: np.ndarray
    place: np.ndarray


class _Chains:
    """Follows values back through the movers of a graph, to `ends` or to what is written anyhow."""

    def __init__(self, graph: Graph, taken: Collection[str], ends: Collection[str] | None = None) -> None:
        self.graph = graph
        self.makers: dict[str, Operator] = {}
        for op in graph.operators:
            constant = any(graph.tensors[name].is_constant for name in moving_operands(op))
            if op.kind in _MOVERS and op.region is None and op.name not in taken and not constant:
                self.makers[op.outputs[0]] = op
        self.sources: list[str] = []
        self.written = {self.made(name) for name in _read_outside(graph, self.makers)} if ends is None else set(ends)

    def made(self, name: str) -> str:
        """The tensor whose memory a RESHAPE shares."""
        while name in self.makers and self.makers[name].kind == "RESHAPE":
            name = self.makers[name].inputs[0]
        return name

    def origin(self, name: str) -> _Origin:
        """Where the values of a mover's result come from."""
        op = self.makers[name]
        ends = [operand in self.written or operand not in self.makers for operand in moving_operands(op)]
        operands = zip(moving_operands(op), ends, strict=True)
        return _moved(self.graph, op, [self._leaf(x) if is_end else self.origin(x) for x, is_end in operands])

    def chain(self, name: str) -> list[Operator]:
        """The movers that a tensor comes from, its own one last, back to what is written anyhow."""
        op = self.makers[name]
        before = {
            other.name: other
            for operand in moving_operands(op)
            if operand in self.makers and operand not in self.written
            for other in self.chain(operand)
        }
        return [*before.values(), op]

    def _leaf(self, name: str) -> _Origin:
        if name not in self.sources:
            self.sources.append(name)
        tensor = self.graph.tensors[name]
        number = np.full(tensor.shape, self.sources.index(name))
        return _Origin(number, np.arange(tensor.size).reshape(tensor.shape))


def moving_operands(op: Operator) -> tuple[str, ...]:
    """The operands that are moved, without those that say where to."""
    return op.inputs if op.kind == "CONCATENATION" else op.inputs[:1]


def find_moves(graph: Graph, taken: Collection[str] = ()) -> list[tuple[Region, tuple[Operator, ...]]]:
    """Each chain under the name of its last operator: role `y` is its result, `x 0`, `x 1` ... are where its values come from.

    `taken` are operators that run as part of something else. Only chains of two movers and more, RESHAPE not counted. A mover that
    two chains go through belongs to the first; one that is run anyhow, for a reader that is no chain, to none.
    """
    chains = _Chains(graph, taken)
    pending, seen, used = _read_outside(graph, chains.makers), set(), set()
    found: list[tuple[list[Operator], tuple[str, ...]]] = []
    while pending:
        name = chains.made(pending.pop())
        if name in seen or name not in chains.makers:
            continue
        seen.add(name)
        operators = [op for op in chains.chain(name) if op.kind != "RESHAPE"]
        cover = (_cover(chains, name) if len(operators) > 1 else None) or ()
        sources = tuple(dict.fromkeys(box.source for box in cover if box.source is not None))
        used.add(operators[-1].name)
        if sources:
            found.append((operators, sources))
        else:
            pending += moving_operands(operators[-1])
    regions = []
    for (*before, last), sources in found:
        own = [op for op in before if op.name not in used]
        used |= {op.name for op in own}
        roles = {"y": last.outputs[0]} | {f"x {index}": source for index, source in enumerate(sources)}
        regions.append((Region(last.name, "moves", roles), (*own, last)))
    return regions


def boxes(graph: Graph, region: Region) -> tuple[Box, ...]:
    """The blocks of the result of a region `moves`, each from one of the tensors that it reads or from a PAD."""
    ends = {name for role, name in region.roles.items() if role != "y"}
    cover = _cover(_Chains(graph, (), ends), region.roles["y"])
    assert cover is not None
    return cover


def _read_outside(graph: Graph, makers: Mapping[str, Operator]) -> list[str]:
    """What movers make and somebody else reads."""
    movers = {op.name for op in makers.values()}
    read = [name for op in graph.operators if op.name not in movers for name in op.inputs]
    read += [*graph.outputs, *(state.output for state in graph.states)]
    return [name for name in dict.fromkeys(read) if name in makers]


def _moved(graph: Graph, op: Operator, operands: list[_Origin]) -> _Origin:
    """The origins of an operator's result from those of its operands."""
    first = operands[0]
    if op.kind == "RESHAPE":
        shape = graph.tensors[op.outputs[0]].shape
        return _Origin(first.source.reshape(shape), first.place.reshape(shape))
    params = prepare(graph, op)
    if isinstance(params, TransposeParams):
        return _Origin(first.source.transpose(params.permutation), first.place.transpose(params.permutation))
    if isinstance(params, SliceParams):
        taken = zip(params.begin, params.size, params.stride, strict=True)
        at = np.ix_(*(begin + step * np.arange(size) for begin, size, step in taken))
        return _Origin(first.source[at].reshape(params.output_shape), first.place[at].reshape(params.output_shape))
    if isinstance(params, PadParams):
        amounts = list(zip(params.before, params.after, strict=True))
        source = np.pad(first.source, amounts, constant_values=-1)
        return _Origin(source, np.pad(first.place, amounts, constant_values=params.value))
    assert isinstance(params, ConcatenationParams)
    parts = [[getattr(operand, part) for operand in operands] for part in ("source", "place")]
    return _Origin(*(np.concatenate(part, axis=params.axis) for part in parts))


def _cover(chains: _Chains, name: str) -> tuple[Box, ...] | None:
    """The fewest boxes found that hold every value of a tensor once, or None where that takes too many."""
    origin = chains.origin(name)
    shape = tuple(n for n in origin.source.shape if n != 1) or (1,)
    # Values that two tensors take turns in are blocks once their axis is two.
    shapes = [shape, (*shape[:-1], shape[-1] // 2, 2)] if shape[-1] % 2 == 0 else [shape]
    covers = [_boxes(chains, origin.source.reshape(form), origin.place.reshape(form)) for form in shapes]
    fewest = min(covers, key=len)
    return tuple(fewest) if len(fewest) <= _MOST_BOXES else None


def _boxes(chains: _Chains, source: np.ndarray, place: np.ndarray) -> list[Box]:
    """Boxes that hold every value once, as many as there are or one more than are wanted."""
    shape = source.shape
    free = np.ones(shape, bool)
    dense = tuple(int(np.prod(shape[axis + 1 :], dtype=np.int64)) for axis in range(len(shape)))
    boxes: list[Box] = []
    while free.any() and len(boxes) <= _MOST_BOXES:
        start = np.unravel_index(int(free.argmax()), shape)
        extent, step = _grow(source, place, free, start)
        free[tuple(slice(at, at + n) for at, n in zip(start, extent, strict=True))] = False
        number, first = int(source[start]), int(place[start])
        name = chains.sources[number] if number >= 0 else None
        offset = int(np.dot(start, dense))
        boxes.append(Box(name, extent, first if name else 0, step, offset, dense, 0 if name else first))
    return boxes


def _grow(
    source: np.ndarray, place: np.ndarray, free: np.ndarray, start: tuple[np.intp, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The largest block from `start` on that comes from one source at fixed steps, grown from the last axis on."""
    extent, step = [1] * source.ndim, [0] * source.ndim
    for axis in reversed(range(source.ndim)):
        block = tuple(slice(at, at + n) for at, n in zip(start, extent, strict=True))
        while (end := int(start[axis]) + extent[axis]) < source.shape[axis]:
            beside = (*block[:axis], slice(end, end + 1), *block[axis + 1 :])
            distance = place[beside] - place[block]
            known = step[axis] * extent[axis] if extent[axis] > 1 else int(distance.flat[0])
            alike = (source[beside] == source[start]).all() and free[beside].all() and (distance == known).all()
            if not alike:
                break
            step[axis] = step[axis] if extent[axis] > 1 else known
            extent[axis] += 1
    return tuple(extent), tuple(step)
