"""MaxPool: MAX_POOL_2D. At its ends a window sees the last values twice, which are in it already, and so no zeros."""

from __future__ import annotations

import numpy as np
import onnx

from ..float_graph import Hint
from .axes import canonical
from .context import Context, Lowering


def max_pool(context: Context, x: str, kernel: tuple[int, int], stride: tuple[int, int], label: str) -> str:
    """The largest value of each window of a tensor (1, H, W, C), without padding."""
    _, height, width, channels = context.graph.tensors[x].shape
    shape = (1, (height - kernel[0]) // stride[0] + 1, (width - kernel[1]) // stride[1] + 1, channels)
    options = {
        "padding": "VALID",
        "stride_h": stride[0],
        "stride_w": stride[1],
        "filter_height": kernel[0],
        "filter_width": kernel[1],
        "fused_activation_function": "NONE",
    }
    return context.graph.add("MAX_POOL_2D", (x,), label, shape, options=options, hint=Hint(like=x))


def _setting(context: Context, node: onnx.NodeProto, name: str, default: int, count: int) -> list[int]:
    return [int(n) for n in context.attribute(node, name) or [default] * count]


def check_max_pool(context: Context, node: onnx.NodeProto) -> str | None:
    shape = context.shape(node.input[0])
    space = len(shape) - 2
    if space not in (1, 2) or shape[0] != 1:
        return "one or two axes of space of one frame are supported"
    if context.attribute(node, "auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID", "NOTSET", "VALID"):
        return "auto_pad is not supported; write the pads out"
    if context.attribute(node, "ceil_mode", 0) or max(_setting(context, node, "dilations", 1, space)) != 1:
        return "ceil_mode and dilations are not supported"
    return "its second output is not supported" if len(node.output) > 1 and node.output[1] else None


def lower_max_pool(context: Context, node: onnx.NodeProto) -> None:
    graph, out = context.graph, node.output[0]
    shape = context.shape(node.input[0])
    space = len(shape) - 2
    kernel, stride = (_setting(context, node, name, 1, space) for name in ("kernel_shape", "strides"))
    pads = _setting(context, node, "pads", 0, 2 * space)
    if space == 1:
        shape, kernel, stride, pads = (*shape[:2], 1, shape[2]), [1, *kernel], [1, *stride], [0, pads[0], 0, pads[1]]
    _, channels, height, width = shape
    x = context.transposed(context.tensor(node.input[0]), shape, (0, 2, 3, 1), f"{out}/channels_last")
    x = context.reshaped(x, (1, height, width, channels), f"{out}/x")
    for axis, before, after in ((1, pads[0], pads[2]), (2, pads[1], pads[3])):
        x = _with_edges(context, x, axis, before, after, out)
    made = max_pool(context, x, (kernel[0], kernel[1]), (stride[0], stride[1]), f"{out}/made")
    made_shape = graph.tensors[made].shape
    made = context.reshaped(made, canonical(made_shape), f"{out}/narrow")
    context.bind(out, context.transposed(made, made_shape, (0, 3, 1, 2), f"{out}/channels_first"))


def _with_edges(context: Context, x: str, axis: int, before: int, after: int, out: str) -> str:
    """A tensor with its first and its last place along an axis repeated."""
    graph, size = context.graph, context.graph.tensors[x].shape[axis]
    parts = []
    for place, count in ((0, before), (size - 1, after)):
        parts.append([_place(context, x, axis, place, out)] * count)
    names = (*parts[0], x, *parts[1])
    if len(names) == 1:
        return x
    shape = list(graph.tensors[x].shape)
    shape[axis] += before + after
    options = {"axis": axis, "fused_activation_function": "NONE"}
    return graph.add("CONCATENATION", names, f"{out}/edges{axis}", tuple(shape), options=options)


def _place(context: Context, x: str, axis: int, place: int, out: str) -> str:
    shape = context.graph.tensors[x].shape
    begin, end = [0] * len(shape), list(shape)
    begin[axis], end[axis] = place, place + 1
    constants = [
        context.graph.add_constant(f"{out}/{label}", np.asarray(values, np.int32))
        for label, values in (("begin", begin), ("end", end), ("strides", [1] * len(shape)))
    ]
    options = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)
    part = tuple(b - a for a, b in zip(begin, end, strict=True))
    return context.graph.add("STRIDED_SLICE", (x, *constants), f"{out}/edge", part, options=options)


LOWERINGS = {"MaxPool": Lowering(lower_max_pool, check_max_pool)}
