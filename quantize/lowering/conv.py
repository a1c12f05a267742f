"""Conv and ConvTranspose over one frame: CONV_2D and DEPTHWISE_CONV_2D, with a BatchNormalization behind them folded in.

Channels stand last in TensorFlow Lite. A TRANSPOSE goes in front and one behind; where the ONNX model transposes too, as
it does to reach ONNX's own order, both vanish (`Context.transposed`). Axes: N, C channels in, O out, H rows, W columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import onnx

from .axes import canonical
from .batch_norm import line
from .context import Context, Lowering

# Of past frames of a spectrum: one, or real and imaginary parts.
_FEW_CHANNELS = 4
_NHWC, _NCHW = (0, 2, 3, 1), (0, 3, 1, 2)


@dataclass(frozen=True)
class _Convolution:
    """One convolution: kernel (O, C / groups, KH, KW), bias (O,), before and after the zeros around (H, W)."""

    kernel: np.ndarray
    bias: np.ndarray
    strides: tuple[int, int]
    dilations: tuple[int, int]
    before: tuple[int, int]
    after: tuple[int, int]
    groups: int

    def outputs(self, size: tuple[int, int]) -> tuple[int, int]:
        """(H, W) of the result for (H, W) of the input."""
        reach = [(k - 1) * d + 1 for k, d in zip(self.kernel.shape[2:], self.dilations, strict=True)]
        h, w = (
            (n + b + a - r) // s + 1
            for n, b, a, r, s in zip(size, self.before, self.after, reach, self.strides, strict=True)
        )
        return h, w

    def padding(self, size: tuple[int, int]) -> str | None:
        """SAME or VALID where TensorFlow Lite would put the same zeros, else None."""
        if not any((*self.before, *self.after)):
            return "VALID"
        for n, k, s, d, b, a in zip(
            size, self.kernel.shape[2:], self.strides, self.dilations, self.before, self.after, strict=True
        ):
            total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            if (total // 2, total - total // 2) != (b, a):
                return None
        return "SAME"


def _pair(values: list[int] | None, default: int) -> tuple[int, int]:
    """A spatial attribute as (H, W); one axis of space is W."""
    given = [default, default] if not values else [int(v) for v in values]
    return (default, given[0]) if len(given) == 1 else (given[0], given[1])


def _four_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[:2], 1, shape[2]) if len(shape) == 3 else shape


def _pads(context: Context, node: onnx.NodeProto) -> tuple[tuple[int, int], tuple[int, int]]:
    pads = context.attribute(node, "pads", []) or [0, 0, 0, 0]
    half = len(pads) // 2
    return _pair(pads[:half], 0), _pair(pads[half:], 0)


def check_conv(context: Context, node: onnx.NodeProto) -> str | None:
    kernel = context.constant(node.input[1])
    if kernel is None or (len(node.input) > 2 and node.input[2] and context.constant(node.input[2]) is None):
        return "kernel and bias must be constants"
    if kernel.ndim not in (3, 4):
        return f"the kernel has shape {kernel.shape}; one or two axes of space are supported"
    if context.shape(node.input[0])[0] != 1:
        return f"the input {context.shape(node.input[0])} holds more than one frame; the first axis must be 1"
    if context.attribute(node, "auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        return "auto_pad is not supported; write the pads out"
    before, after = _pads(context, node)
    return "negative pads are not supported; use Slice" if min(*before, *after) < 0 else None


def check_conv_transpose(context: Context, node: onnx.NodeProto) -> str | None:
    if reason := check_conv(context, node):
        return reason
    if _pair(context.attribute(node, "strides"), 1)[0] != 1:
        return "it upsamples along its rows; only the last axis is supported, and past frames are rows that stay as they are"
    if (reach := _rows_beyond(context, node)) < 0:
        return f"it cuts {-reach} rows of its input off; use Slice"
    if _pair(context.attribute(node, "dilations"), 1) != (1, 1):
        return "dilations are not supported"
    return "output_shape is not supported; write the pads out" if context.attribute(node, "output_shape") else None


def _rows_beyond(context: Context, node: onnx.NodeProto) -> int:
    """How far the kernel reaches beyond the rows of a ConvTranspose, at its nearer end; a row that is padded away reaches less."""
    rows = _four_axes(context.array(node.input[1]).shape)[2]
    before, after = (pads[0] for pads in _pads(context, node))
    return rows - 1 - max(before, after - _pair(context.attribute(node, "output_padding"), 0)[0])


def _kernel(context: Context, node: onnx.NodeProto) -> np.ndarray:
    kernel = np.asarray(context.array(node.input[1]), np.float64)
    return kernel.reshape(_four_axes(kernel.shape))


def _bias(context: Context, node: onnx.NodeProto, channels: int) -> np.ndarray:
    given = len(node.input) > 2 and node.input[2]
    return np.ravel(np.asarray(context.array(node.input[2]), np.float64)) if given else np.zeros(channels)


def _batch_norm(context: Context, value: str) -> tuple[np.ndarray, np.ndarray, str] | None:
    """Factor (O,), offset (O,) and result of the BatchNormalization that alone reads a value, or None."""
    users = context.users(value)
    if len(users) != 1 or users[0].op_type != "BatchNormalization" or not context.used_once(value):
        return None
    node = users[0]
    return *line(context, node), node.output[0]


def lower_conv(context: Context, node: onnx.NodeProto) -> None:
    kernel, value = _kernel(context, node), node.output[0]
    bias = _bias(context, node, len(kernel))
    if folded := _batch_norm(context, value):
        factor, offset, value = folded
        kernel, bias = kernel * factor[:, None, None, None], bias * factor + offset
    before, after = _pads(context, node)
    strides, dilations = (_pair(context.attribute(node, name), 1) for name in ("strides", "dilations"))
    groups = int(context.attribute(node, "group", 1))
    convolution = _Convolution(kernel, bias, strides, dilations, before, after, groups)
    made, shape = _add(context, node, value, convolution)
    _bind_channels_first(context, value, made, shape)


def _add(
    context: Context, node: onnx.NodeProto, value: str, convolution: _Convolution
) -> tuple[str, tuple[int, int, int]]:
    """Add the operators of a convolution; returns the result, `canonical`, and its (H, W, O)."""
    _, channels, *size = _four_axes(context.shape(node.input[0]))
    height, width = size
    x = context.tensor(node.input[0])
    if _is_one_row(convolution, channels, height):
        # (W, C, KH): each row of a channel is a channel of its own, so that there is one row.
        outputs, inputs, rows, taps = convolution.kernel.shape
        kernel = convolution.kernel.reshape(outputs, inputs * rows, 1, taps)
        x = context.transposed(x, (1, channels, height, width), (0, 3, 1, 2), f"{value}/rows_last")
        convolution, channels, height = replace(convolution, kernel=kernel), channels * rows, 1
    else:
        x = context.transposed(x, (1, channels, height, width), _NHWC, f"{value}/channels_last")
    out_h, out_w = convolution.outputs((height, width))
    outputs = len(convolution.kernel)
    pointwise = convolution.kernel.shape[1:] == (channels, 1, 1) and convolution.strides == (1, 1)
    if pointwise and (out_h, out_w) == (height, width):
        made = _as_fully_connected(context, value, x, convolution, height * width)
    else:
        made = _as_convolution(context, value, x, (height, width, channels), convolution)
    shape = canonical((out_h, out_w, outputs))
    return context.reshaped(made, shape, value), (out_h, out_w, outputs)


def _is_one_row(convolution: _Convolution, channels: int, height: int) -> bool:
    """Whether a kernel covers all rows at once, of so few channels that turning them costs little: then kernels for one row serve."""
    depthwise = convolution.groups == channels == len(convolution.kernel)
    inside = (convolution.before[0], convolution.after[0], convolution.strides[0]) == (0, 0, 1)
    covers = convolution.kernel.shape[2] == height and convolution.dilations[0] == 1
    return covers and inside and height > 1 and channels <= _FEW_CHANNELS and not depthwise


def _as_fully_connected(context: Context, value: str, x: str, convolution: _Convolution, rows: int) -> str:
    outputs, channels = convolution.kernel.shape[:2]
    x = context.reshaped(x, (rows, channels), f"{value}/x")
    weights = context.graph.add_constant(f"{value}/weights", convolution.kernel.reshape(outputs, channels))
    bias = context.graph.add_constant(f"{value}/bias", convolution.bias)
    return context.graph.add("FULLY_CONNECTED", (x, weights, bias), f"{value}/made", (rows, outputs))


def _as_convolution(context: Context, value: str, x: str, size: tuple[int, int, int], convolution: _Convolution) -> str:
    graph, (height, width, channels) = context.graph, size
    x = context.reshaped(x, (1, height, width, channels), f"{value}/x")
    out_h, out_w = convolution.outputs((height, width))
    padding = convolution.padding((height, width))
    if padding is None:
        pairs = [(0, 0), *zip(convolution.before, convolution.after, strict=True), (0, 0)]
        amounts = graph.add_constant(f"{value}/amounts", np.asarray(pairs, np.int32))
        padded = tuple(n + b + a for n, (b, a) in zip((1, height, width, channels), pairs, strict=True))
        x, padding = graph.add("PAD", (x, amounts), f"{value}/padded", padded), "VALID"
    # Every channel for itself is TensorFlow Lite's depth-wise form, (1, KH, KW, C).
    depthwise = convolution.groups == channels == len(convolution.kernel) and channels > 1
    kernel = convolution.kernel.transpose(1, 2, 3, 0) if depthwise else convolution.kernel.transpose(0, 2, 3, 1)
    options: dict[str, object] = {
        "padding": padding,
        "stride_h": convolution.strides[0],
        "stride_w": convolution.strides[1],
        "dilation_h_factor": convolution.dilations[0],
        "dilation_w_factor": convolution.dilations[1],
        "fused_activation_function": "NONE",
    }
    if depthwise:
        options["depth_multiplier"] = 1
    weights = graph.add_constant(f"{value}/weights", np.ascontiguousarray(kernel))
    bias = graph.add_constant(f"{value}/bias", convolution.bias)
    kind = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    shape = (1, out_h, out_w, len(convolution.kernel))
    return graph.add(kind, (x, weights, bias), f"{value}/made", shape, options=options)


def _bind_channels_first(context: Context, value: str, made: str, shape: tuple[int, int, int]) -> None:
    """Bind an ONNX value (N, O, H, W) to a result in the order (H, W, O)."""
    context.bind(value, context.transposed(made, (1, *shape), _NCHW, f"{value}/channels_first"))


def lower_conv_transpose(context: Context, node: onnx.NodeProto) -> None:
    """Upsampling by s along W as one convolution with s * O outputs, one set a phase, which then take turns.

    Output s q + r sums over the taps j with j = r + before - s (f - q): each phase r is a convolution over x[q + delta],
    delta = f - q. Along H, where nothing is upsampled, the kernel is turned around. Where each channel stands for itself, each
    phase is a convolution of its own.
    """
    value = node.output[0]
    groups = int(context.attribute(node, "group", 1))
    kernel = _kernel(context, node)[:, :, ::-1]
    depthwise = groups == len(kernel) > 1 and kernel.shape[1] == 1
    kernel = kernel if depthwise else _dense(kernel, groups)
    outputs = groups if depthwise else kernel.shape[1]
    bias = _bias(context, node, outputs)
    if folded := _batch_norm(context, value):
        factor, offset, value = folded
        kernel = kernel * factor.reshape((-1, 1, 1, 1) if depthwise else (1, -1, 1, 1))
        bias = bias * factor + offset
    stride = _pair(context.attribute(node, "strides"), 1)[1]
    before, after = _pads(context, node)
    height, width = _four_axes(context.shape(node.input[0]))[2:]
    extra = _pair(context.attribute(node, "output_padding"), 0)
    rows, taps = kernel.shape[2:]
    length = stride * (width - 1) + taps - before[1] - after[1] + extra[1]
    along = (rows - 1 - before[0], rows - 1 - after[0] + extra[0])
    steps = -(-length // stride)
    phases = _phases(kernel, stride, before[1])
    if not depthwise:
        phases = [_joined(phases)]
    parts = []
    for index, (low, high, taken) in enumerate(phases):
        zeros = (max(-low, 0), max(steps - 1 + high - (width - 1), 0))
        count = len(taken) // outputs
        form = _Convolution(
            taken,
            np.tile(bias, count),
            (1, 1),
            (1, 1),
            (along[0], zeros[0]),
            (along[1], zeros[1]),
            groups if depthwise else 1,
        )
        label = value if len(phases) == 1 else f"{value}/phase{index}"
        parts.append(_phase(context, node, label, form, max(low, 0), steps))
    out_h = height + along[0] + along[1] - rows + 1
    _take_turns(context, value, parts, (out_h, length, outputs), stride)


def _joined(phases: list[tuple[int, int, np.ndarray]]) -> tuple[int, int, np.ndarray]:
    """Phases as one kernel (phases * O, C, H, taps) over the positions that any of them needs."""
    low, high = min(phase[0] for phase in phases), max(phase[1] for phase in phases)
    widths = [((0, 0), (0, 0), (0, 0), (first - low, high - last)) for first, last, _ in phases]
    kernels = [np.pad(p[2], width).swapaxes(0, 1) for p, width in zip(phases, widths, strict=True)]
    return low, high, np.concatenate(kernels)


def _phase(
    context: Context, node: onnx.NodeProto, label: str, form: _Convolution, first: int, steps: int
) -> tuple[str, tuple[int, int, int]]:
    """One convolution over the input, and of its positions `steps` from `first` on -> (H, steps, O)."""
    made, (rows, columns, outputs) = _add(context, node, label, form)
    if (first, steps) == (0, columns):
        return made, (rows, columns, outputs)
    return _columns(context, made, (rows, columns, outputs), first, steps, label), (rows, steps, outputs)


def _take_turns(
    context: Context,
    value: str,
    parts: list[tuple[str, tuple[int, int, int]]],
    shape: tuple[int, int, int],
    stride: int,
) -> None:
    """Bind the result of shape (H, W, O): phases, each (H, W / stride, O) or all in one, side by side."""
    out_h, length, outputs = shape
    tensor, (_, steps, _) = parts[0]
    if len(parts) > 1:
        whole = (out_h, steps, stride * outputs)
        options = {"axis": 2, "fused_activation_function": "NONE"}
        images = tuple(context.reshaped(part, size, f"{part}/image") for part, size in parts)
        tensor = context.graph.add("CONCATENATION", images, f"{value}/phases", whole, options=options)
    rows = context.reshaped(tensor, canonical((out_h, steps * stride, outputs)), f"{value}/rows")
    if length != steps * stride:
        rows = _columns(context, rows, (out_h, steps * stride, outputs), 0, length, value)
    _bind_channels_first(context, value, context.reshaped(rows, canonical(shape), value), shape)


def _dense(kernel: np.ndarray, groups: int) -> np.ndarray:
    """A grouped transposed kernel (C, O / groups, 1, K) as an ungrouped one (C, O, 1, K) with zeros outside the blocks."""
    channels, width = kernel.shape[:2]
    dense = np.zeros((channels, width * groups, *kernel.shape[2:]))
    size = channels // groups
    for group in range(groups):
        rows = slice(group * size, (group + 1) * size)
        dense[rows, group * width : (group + 1) * width] = kernel[rows]
    return dense


def _phases(kernel: np.ndarray, stride: int, before: int) -> list[tuple[int, int, np.ndarray]]:
    """kernel (C, O, H, K) -> for each phase low, high and the kernel (C, O, H, taps) over delta = low .. high."""
    taps = kernel.shape[3]
    found = []
    for r in range(stride):
        low, high = -((taps - 1 - r - before) // stride), (r + before) // stride
        # A phase that no tap reaches is the bias alone.
        low, high = (low, high) if low <= high else (0, 0)
        reached = [r + before - stride * delta for delta in range(low, high + 1)]
        columns = [kernel[..., j] if 0 <= j < taps else np.zeros(kernel.shape[:3]) for j in reached]
        found.append((low, high, np.stack(columns, axis=-1)))
    return found


def _columns(context: Context, tensor: str, shape: tuple[int, int, int], first: int, count: int, value: str) -> str:
    """Columns first .. first + count of a tensor (H, W, O)."""
    rows, _, outputs = shape
    image = context.reshaped(tensor, shape, f"{value}/image")
    arrays = {"begin": [0, first, 0], "end": [rows, first + count, outputs], "strides": [1, 1, 1]}
    constants = [
        context.graph.add_constant(f"{value}/{name}", np.asarray(array, np.int32)) for name, array in arrays.items()
    ]
    options = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)
    made = (rows, count, outputs)
    return context.graph.add("STRIDED_SLICE", (image, *constants), f"{value}/part", made, options=options)


LOWERINGS = {
    "Conv": Lowering(lower_conv, check_conv),
    "ConvTranspose": Lowering(lower_conv_transpose, check_conv_transpose),
}
