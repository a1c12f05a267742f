"""A convolution over positions that hold their neighbours too.

    padded = PAD(x)      y = CONV_2D(CONCATENATION(padded[i : i + N], padded[j : j + N], ...))

x (N, C) has the positions; the role `shifts` says how many positions aside each part looks.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import Graph, Operator, Region
from ..prepare import ConcatenationParams, PadParams, SliceParams, prepare


def find_neighbours(graph: Graph) -> list[tuple[Region, tuple[Operator, ...]]]:
    """All of a graph, each under the name of its convolution."""
    found = (_neighbours(graph, op) for op in graph.operators if op.kind == "CONV_2D" and op.region is None)
    return [neighbours for neighbours in found if neighbours is not None]


def _neighbours(graph: Graph, conv: Operator) -> tuple[Region, tuple[Operator, ...]] | None:
    image = _only_maker(graph, conv.inputs[0], [conv], "RESHAPE")
    joined = _only_maker(graph, image.inputs[0], [image], "CONCATENATION") if image is not None else None
    if image is None or joined is None:
        return None
    parts = [_only_maker(graph, name, [joined], "STRIDED_SLICE") for name in joined.inputs]
    slices = [part for part in parts if part is not None]
    padded = {part.inputs[0] for part in slices}
    if len(slices) < len(parts) or len(padded) != 1:
        return None
    pad = _only_maker(graph, padded.pop(), slices, "PAD")
    shifts = _shifts(graph, pad, slices, joined) if pad is not None else None
    if pad is None or shifts is None:
        return None
    roles = {"x": pad.inputs[0], "y": conv.outputs[0], "shifts": " ".join(map(str, shifts))}
    return Region(conv.name, "neighbours", roles), (pad, *slices, joined, image, conv)


def _only_maker(graph: Graph, tensor: str, readers: Sequence[Operator], kind: str) -> Operator | None:
    """What makes a tensor, where it is of that kind and nobody else reads the tensor."""
    maker = next((op for op in graph.operators if tensor in op.outputs), None)
    names = {op.name for op in readers}
    others = [op for op in graph.operators if tensor in op.inputs and op.name not in names]
    outside = {*graph.outputs, *(state.output for state in graph.states)}
    if maker is None or maker.kind != kind or maker.region is not None or others or tensor in outside:
        return None
    return maker


def _shifts(graph: Graph, pad: Operator, slices: Sequence[Operator], joined: Operator) -> list[int] | None:
    """How many positions aside each part looks, or None where parts are not x moved along its positions."""
    amounts, join, x = prepare(graph, pad), prepare(graph, joined), graph.tensors[pad.inputs[0]]
    assert isinstance(amounts, PadParams)
    assert isinstance(join, ConcatenationParams)
    if len(x.shape) != 2 or amounts.value != 0 or amounts.before[1] or amounts.after[1] or join.axis != 1:
        return None
    shifts = []
    for part in slices:
        taken = prepare(graph, part)
        assert isinstance(taken, SliceParams)
        if taken.size != x.shape or taken.begin[1] != 0 or taken.stride != (1, 1):
            return None
        shifts.append(taken.begin[0] - amounts.before[0])
    return shifts
