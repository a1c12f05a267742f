"""Sums and norms over axes of a frame, Softmax, quotients of activations, means and maxima over windows."""

from __future__ import annotations

import math

import numpy as np
import onnx

from .writing import Spelling, Writing

# exp(-11) is half a step of int16.
FLAT_EXPONENT = 11.0


def _axes_check(w: Writing, node: onnx.NodeProto) -> str | None:
    variable = len(node.input) > 1 and node.input[1] and w.given(node, 1) is None
    return "its axes must be constants" if variable else None


def _reduction(w: Writing, node: onnx.NodeProto, kind: str, value: str, out: str | None) -> str:
    axes, keep = w.axes(node, len(w.shape(node.input[0]))), bool(w.attribute(node, "keepdims", 1))
    if not axes:
        return w.add("Identity", [value], w.shape(value), out)
    return w.reduced(kind, value, axes, out, keep)


def _write_reduction_of_squares(w: Writing, node: onnx.NodeProto) -> None:
    squares, out = w.binary("Mul", node.input[0], node.input[0]), node.output[0]
    if node.op_type == "ReduceSumSquare":
        _reduction(w, node, "ReduceSum", squares, out)
    else:
        w.unary("Sqrt", _reduction(w, node, "ReduceSum", squares, None), out)


def _write_reduce_l1(w: Writing, node: onnx.NodeProto) -> None:
    _reduction(w, node, "ReduceSum", w.unary("Abs", node.input[0]), node.output[0])


def _write_reduce_min(w: Writing, node: onnx.NodeProto) -> None:
    largest = _reduction(w, node, "ReduceMax", w.unary("Neg", node.input[0]), None)
    w.unary("Neg", largest, node.output[0])


def _write_log_sum_exp(w: Writing, node: onnx.NodeProto) -> None:
    w.unary("Log", _reduction(w, node, "ReduceSum", w.unary("Exp", node.input[0]), None), node.output[0])


def _write_global_pool(w: Writing, node: onnx.NodeProto) -> None:
    kind = "ReduceMean" if node.op_type == "GlobalAveragePool" else "ReduceMax"
    w.reduced(kind, node.input[0], range(2, len(w.shape(node.input[0]))), node.output[0])


def _write_softmax(w: Writing, node: onnx.NodeProto) -> None:
    """exp(x - max) over its sum; what is far below the largest is zero."""
    x, out = node.input[0], node.output[0]
    axis = w.attribute(node, "axis", -1) % len(w.shape(x))
    below = w.binary("Sub", x, w.reduced("ReduceMax", x, [axis]))
    if node.op_type == "LogSoftmax":
        total = w.reduced("ReduceSum", w.unary("Exp", below, limit=FLAT_EXPONENT), [axis])
        w.binary("Sub", below, w.unary("Log", total), out)
        return
    weights = w.unary("Exp", below, limit=FLAT_EXPONENT)
    w.binary("Mul", weights, w.unary("Reciprocal", w.reduced("ReduceSum", weights, [axis])), out)


def _divides_by_activation(w: Writing, node: onnx.NodeProto) -> bool:
    return w.constant(node.input[1]) is None


def _write_div(w: Writing, node: onnx.NodeProto) -> None:
    numerator = w.constant(node.input[0])
    if numerator is not None and np.all(numerator == 1) and w.shape(node.output[0]) == w.shape(node.input[1]):
        w.unary("Reciprocal", node.input[1], node.output[0])
        return
    w.binary("Mul", node.input[0], w.unary("Reciprocal", node.input[1]), node.output[0])


def _write_normalization(w: Writing, node: onnx.NodeProto) -> None:
    """InstanceNormalization and GroupNormalization: a LayerNormalization of the values of each group, then a line by channel."""
    (x, scale, bias), out, shape = node.input[:3], node.output[0], w.shape(node.input[0])
    channels = shape[1]
    groups = channels if node.op_type == "InstanceNormalization" else int(w.attribute(node, "num_groups"))
    size = math.prod(shape) // groups // shape[0]
    rows = w.reshaped(x, (shape[0], groups, size))
    ones = w.number("ones", np.ones(size))
    epsilon = w.attribute(node, "epsilon", 1e-5)
    made = w.add("LayerNormalization", [rows, ones], (shape[0], groups, size), axis=2, epsilon=epsilon)
    made = w.reshaped(made, shape)
    by_channel = (channels, *(1,) * (len(shape) - 2))
    gamma, beta = (_by_channel(w, name, channels).reshape(by_channel) for name in (scale, bias))
    w.binary("Add", w.binary("Mul", made, w.number("gamma", gamma)), w.number("beta", beta), out)


def _by_channel(w: Writing, name: str, channels: int) -> np.ndarray:
    data = np.asarray(w.constants[name], np.float64).ravel()
    # Until opset 21 a GroupNormalization had one value a group.
    repeated: np.ndarray = data if data.size == channels else np.repeat(data, channels // data.size)
    return repeated


def _norm_check(w: Writing, node: onnx.NodeProto) -> str | None:
    if any(w.given(node, index) is None for index in (1, 2)):
        return "scale and offset must be constants"
    return None if w.shape(node.input[0])[0] == 1 else "the first axis must be 1"


def _write_rms_norm(w: Writing, node: onnx.NodeProto) -> None:
    """x / sqrt(mean(x^2) + epsilon) * scale."""
    x, out = node.input[0], node.output[0]
    rank = len(w.shape(x))
    first = w.attribute(node, "axis", -1) % rank
    mean = w.reduced("ReduceMean", w.binary("Mul", x, x), range(first, rank))
    power = w.binary("Add", mean, w.number("epsilon", float(w.attribute(node, "epsilon", 1e-5))))
    root = w.add("Pow", [power, w.number("exponent", -0.5)], w.shape(power))
    w.binary("Mul", w.binary("Mul", x, root), node.input[1], out)


def _write_lp_norm(w: Writing, node: onnx.NodeProto) -> None:
    x, axis = node.input[0], w.attribute(node, "axis", -1) % len(w.shape(node.input[0]))
    kind = "ReduceL2" if w.attribute(node, "p", 2) == 2 else "ReduceL1"
    w.binary("Div", x, w.reduced(kind, x, [axis]), node.output[0])


def _write_average_pool(w: Writing, node: onnx.NodeProto) -> None:
    """A convolution of each channel for itself with equal weights; at padded ends a gain where zeros do not count."""
    shape, out_shape = w.shape(node.input[0]), w.shape(node.output[0])
    kernel = [int(n) for n in w.attribute(node, "kernel_shape")]
    pads = [int(n) for n in w.attribute(node, "pads", [0] * 2 * len(kernel))]
    weights = w.number("weights", np.full((shape[1], 1, *kernel), 1.0 / math.prod(kernel)))
    counted = not any(pads) or bool(w.attribute(node, "count_include_pad", 0))
    settings = {"strides": w.attribute(node, "strides"), "dilations": w.attribute(node, "dilations"), "pads": pads}
    made = w.add("Conv", [node.input[0], weights], out_shape, node.output[0] if counted else None, group=shape[1], **settings)  # fmt: skip
    if not counted:
        share = np.ones(())
        for axis, length in enumerate(kernel):
            counts = _inside(shape[2 + axis], length, pads[axis], out_shape[2 + axis], settings, axis)
            share = np.multiply.outer(share, counts / length)
        w.binary("Mul", made, w.number("gain", 1.0 / share), node.output[0])


def _inside(size: int, length: int, before: int, count: int, settings: dict[str, list[int] | None], axis: int) -> np.ndarray:  # fmt: skip
    """How many taps of a window lie inside, at each of its places along an axis."""
    stride, dilation = ((settings[name] or [1] * 9)[axis] for name in ("strides", "dilations"))
    taps = np.arange(count)[:, None] * stride + np.arange(length) * dilation - before
    counts: np.ndarray = ((taps >= 0) & (taps < size)).sum(axis=1).astype(np.float64)
    return counts


def _pool_check(w: Writing, node: onnx.NodeProto) -> str | None:
    if w.attribute(node, "ceil_mode", 0):
        return "ceil_mode is not supported"
    if w.attribute(node, "auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        return "auto_pad is not supported; write the pads out"
    return None if len(w.shape(node.input[0])) in (3, 4) else "one or two axes of space are supported"


SPELLINGS = {
    "ReduceL1": Spelling(_write_reduce_l1, check=_axes_check),
    "ReduceL2": Spelling(_write_reduction_of_squares, check=_axes_check),
    "ReduceSumSquare": Spelling(_write_reduction_of_squares, check=_axes_check),
    "ReduceLogSumExp": Spelling(_write_log_sum_exp, check=_axes_check),
    "ReduceMin": Spelling(_write_reduce_min, check=_axes_check),
    "GlobalAveragePool": Spelling(_write_global_pool),
    "GlobalMaxPool": Spelling(_write_global_pool),
    "Softmax": Spelling(_write_softmax),
    "LogSoftmax": Spelling(_write_softmax),
    "Div": Spelling(_write_div, _divides_by_activation),
    "InstanceNormalization": Spelling(_write_normalization, check=_norm_check),
    "GroupNormalization": Spelling(_write_normalization, check=_norm_check),
    "RMSNormalization": Spelling(_write_rms_norm),
    "LpNormalization": Spelling(_write_lp_norm),
    "AveragePool": Spelling(_write_average_pool, check=_pool_check),
}
