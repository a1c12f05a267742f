"""Operators that only move or rename values: Reshape and its kin, Transpose, Concat, Split, Slice, Gather of one row, Pad."""

from __future__ import annotations

import numpy as np
import onnx

from .axes import MOST_AXES, canonical, together, wide_axes
from .context import Context, Lowering, in_tree


def lower_reshape(context: Context, node: onnx.NodeProto) -> None:
    """Reshape, Squeeze, Unsqueeze, Flatten, Identity, Dropout: nothing to do where only unit axes come or go."""
    shape = canonical(context.shape(node.output[0]))
    x, factor = context.linear_operand(node.input[0])
    context.bind(node.output[0], context.reshaped(x, shape, node.output[0]), factor)


def check_transpose(context: Context, node: onnx.NodeProto) -> str | None:
    shape = context.shape(node.input[0])
    kept = [axis for axis in _order(context, node) if shape[axis] != 1]
    extents, _ = together(wide_axes(shape), [sorted(kept).index(axis) for axis in kept])
    if len(extents) > MOST_AXES:
        return f"it moves {len(extents)} axes of shape {shape} each for itself; at most {MOST_AXES} are supported"
    return None


def _order(context: Context, node: onnx.NodeProto) -> list[int]:
    return context.attribute(node, "perm") or list(range(len(context.shape(node.input[0]))))[::-1]


def lower_transpose(context: Context, node: onnx.NodeProto) -> None:
    x, factor = context.linear_operand(node.input[0])
    made = context.transposed(x, context.shape(node.input[0]), _order(context, node), node.output[0])
    context.bind(node.output[0], made, factor)


def _axis(shape: tuple[int, ...], axis: int) -> int:
    """Where an ONNX axis stands among the axes that `canonical` keeps (the axis itself is taken as kept)."""
    axis %= len(shape)
    before = sum(1 for n in shape[:axis] if n != 1)
    kept = sum(1 for index, n in enumerate(shape) if n != 1 or index == axis)
    return before + max(0, 2 - kept)


def lower_concat(context: Context, node: onnx.NodeProto) -> None:
    graph, value = context.graph, node.output[0]
    out_shape = context.shape(value)
    onnx_axis = context.attribute(node, "axis") % len(out_shape)
    given = [name for name in node.input if context.shape(name)[onnx_axis] > 0]
    if len(given) == 1:
        context.bind(value, context.tensor(given[0]))
        return
    axis, shape = _axis(out_shape, onnx_axis), canonical(out_shape)

    def with_extent(extent: int) -> tuple[int, ...]:
        return (*shape[:axis], extent, *shape[axis + 1 :])

    def join(suffix: str, some: tuple[str, ...]) -> str:
        made = with_extent(sum(graph.tensors[part].shape[axis] for part in some))
        options = {"axis": axis, "fused_activation_function": "NONE"}
        return (
            some[0] if len(some) == 1 else graph.add("CONCATENATION", some, f"{value}{suffix}", made, options=options)
        )

    def part(index: int, name: str) -> str:
        """One of the tensors that are joined; a constant in the shape of its place, for this operator alone."""
        extent, data = with_extent(context.shape(name)[onnx_axis]), context.constant(name)
        if data is not None:
            return graph.add_constant(f"{value}/part{index}", np.asarray(data, np.float64).reshape(extent))
        return context.reshaped(context.tensor(name), extent, f"{value}/part{index}")

    parts = [part(index, name) for index, name in enumerate(given)]
    context.bind(value, in_tree(tuple(parts), join))


def _slice(context: Context, source: str, value: str, begin: list[int], end: list[int], stride: list[int]) -> None:
    """Bind an ONNX value to a part of another one; begin, end and stride are per ONNX axis of the source."""
    full = context.shape(source)
    keep = [axis for axis, n in enumerate(full) if n != 1]
    pad = max(0, 2 - len(keep))
    if all(range(b, max(e, -1), s) == range(n) for b, e, s, n in zip(begin, end, stride, full, strict=True)):
        context.bind(value, context.tensor(source))
        return
    arrays = [[fill] * pad + [v[axis] for axis in keep] for fill, v in ((0, begin), (1, end), (1, stride))]
    shape = tuple(len(range(b, max(e, -1), s)) for b, e, s in zip(*arrays, strict=True))
    constants = [
        context.graph.add_constant(f"{value}/{label}", np.asarray(array, np.int32))
        for label, array in zip(("begin", "end", "strides"), arrays, strict=True)
    ]
    options = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)
    inputs = (context.tensor(source), *constants)
    part = context.graph.add("STRIDED_SLICE", inputs, f"{value}/part", shape, options=options)
    context.bind(value, context.reshaped(part, canonical(context.shape(value)), value))


def lower_split(context: Context, node: onnx.NodeProto) -> None:
    shape = context.shape(node.input[0])
    axis = context.attribute(node, "axis", 0) % len(shape)
    start = 0
    for output in node.output:
        size = context.shape(output)[axis]
        begin, end = [0] * len(shape), list(shape)
        begin[axis], end[axis] = start, start + size
        _slice(context, node.input[0], output, begin, end, [1] * len(shape))
        start += size


def check_split(context: Context, node: onnx.NodeProto) -> str | None:
    sizes = len(node.input) > 1 and node.input[1]
    return "the sizes must be constants" if sizes and context.constant(node.input[1]) is None else None


def check_slice(context: Context, node: onnx.NodeProto) -> str | None:
    if any(name and context.constant(name) is None for name in node.input[1:]):
        return "starts, ends, axes and steps must be constants"
    return None


def lower_slice(context: Context, node: onnx.NodeProto) -> None:
    shape = context.shape(node.input[0])
    starts, ends = (np.ravel(context.array(name)) for name in node.input[1:3])
    has_axes = len(node.input) > 3 and node.input[3]
    axes = np.ravel(context.array(node.input[3])) if has_axes else np.arange(len(starts))
    steps = (
        np.ravel(context.array(node.input[4])) if len(node.input) > 4 and node.input[4] else np.ones(len(starts), int)
    )
    begin, end, stride = [0] * len(shape), list(shape), [1] * len(shape)
    for axis, first, last, step in zip(axes, starts, ends, steps, strict=True):
        taken = range(*slice(int(first), int(last), int(step)).indices(shape[axis]))
        # The end before the first row is written as -n - 1: -1 would be the last row.
        stop = taken.stop if taken.stop >= 0 else -shape[axis] - 1
        begin[axis], end[axis], stride[axis] = taken.start, stop, taken.step
    _slice(context, node.input[0], node.output[0], begin, end, stride)


def check_pad(context: Context, node: onnx.NodeProto) -> str | None:
    if context.attribute(node, "mode", "constant") != "constant":
        return "only padding with a constant is supported"
    amounts, fill = (context.constant(name) if name else None for name in (*node.input[1:3], "", "")[:2])
    if amounts is None:
        return "the amounts must be constants"
    if np.any(np.asarray(amounts) < 0):
        return "negative amounts are not supported; use Slice"
    if fill is not None and np.any(np.asarray(fill) != 0):
        return "only padding with zeros is supported"
    return "axes are not supported" if len(node.input) > 3 and node.input[3] else None


def lower_pad(context: Context, node: onnx.NodeProto) -> None:
    shape, amounts = context.shape(node.input[0]), np.ravel(context.array(node.input[1])).tolist()
    before, after = amounts[: len(shape)], amounts[len(shape) :]
    # An axis of one that grows is no unit axis any more: it stands in the shape before the padding.
    axes = [axis for axis, n in enumerate(shape) if n != 1 or before[axis] or after[axis]]
    fill = max(0, 2 - len(axes))
    given, factor = context.linear_operand(node.input[0])
    x = context.reshaped(given, (1,) * fill + tuple(shape[axis] for axis in axes), f"{node.output[0]}/x")
    pairs = [(0, 0)] * fill + [(before[axis], after[axis]) for axis in axes]
    made = tuple(n + sum(pair) for n, pair in zip(context.graph.tensors[x].shape, pairs, strict=True))
    constant = context.graph.add_constant(f"{node.output[0]}/amounts", np.asarray(pairs, np.int32))
    context.bind(node.output[0], context.graph.add("PAD", (x, constant), node.output[0], made), factor)


def check_gather(context: Context, node: onnx.NodeProto) -> str | None:
    index = context.constant(node.input[1])
    return None if index is not None and index.size == 1 else "only one constant index is supported"


def lower_gather(context: Context, node: onnx.NodeProto) -> None:
    shape = context.shape(node.input[0])
    axis = context.attribute(node, "axis", 0) % len(shape)
    index = int(np.ravel(context.array(node.input[1]))[0]) % shape[axis]
    begin, end = [0] * len(shape), list(shape)
    begin[axis], end[axis] = index, index + 1
    _slice(context, node.input[0], node.output[0], begin, end, [1] * len(shape))


LOWERINGS = {
    **dict.fromkeys(
        ("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Dropout"), Lowering(lower_reshape, any_axes=True)
    ),
    "Transpose": Lowering(lower_transpose, check_transpose, any_axes=True),
    "Concat": Lowering(lower_concat),
    "Split": Lowering(lower_split, check_split),
    "Slice": Lowering(lower_slice, check_slice),
    "Gather": Lowering(lower_gather, check_gather),
    "Pad": Lowering(lower_pad, check_pad),
}
