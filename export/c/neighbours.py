"""A convolution over positions that hold their neighbours too: its windows overlap, and equal values are multiplied once.

    padded = PAD(x)      y = CONV_2D(CONCATENATION(padded[i : i + N], padded[j : j + N], ...))

x (N, C) has the positions. A weight of the convolution looks at x some positions aside; those that look at the same value
are added up, and nothing is copied. At the ends, where the convolution pads what stands beside the last position although
x goes on there, other weights belong to the sums: those positions are windows of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...quantize.graph import Graph, Operator
from ...quantize.prepare import ConcatenationParams, Conv2DParams, PadParams, SliceParams, prepare
from .windows import Windows, overlapping_windows


@dataclass(frozen=True)
class Neighbours:
    """The operators, the convolution last; x; and the calls that compute them."""

    operators: tuple[Operator, ...]
    source: str
    windows: tuple[Windows, ...]


def find_neighbours(graph: Graph) -> dict[str, Neighbours]:
    """Name of a convolution -> what it is computed from."""
    found = {op.name: _neighbours(graph, op) for op in graph.operators if op.kind == "CONV_2D" and op.region is None}
    return {name: neighbours for name, neighbours in found.items() if neighbours is not None}


def _neighbours(graph: Graph, conv: Operator) -> Neighbours | None:
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
    params, x = prepare(graph, conv), graph.tensors[conv.inputs[0]]
    assert isinstance(params, Conv2DParams)
    if pad is None or shifts is None or x.dtype != "int16":
        return None
    calls = overlapping_windows(params, x.shape, shifts)
    return Neighbours((pad, *slices, joined, image, conv), pad.inputs[0], tuple(calls)) if calls is not None else None


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
