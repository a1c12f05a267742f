"""PRelu: LEAKY_RELU where all slopes are one, else a line to each side of zero, as a product of two taps.

    y = a x + (1 - a) relu(x)        and with a line of every value besides (affine PReLU):  y = w x + b + prelu(x)

x and relu(x) lie one above the other, and a DEPTHWISE_CONV_2D as high as both multiplies each channel, or each value, by two weights of
its own: one rounding, in int8 and int16.
"""

from __future__ import annotations

import numpy as np
import onnx

from ..float_graph import Hint
from .axes import canonical
from .context import Context, Lowering
from .unary import unary


def check_prelu(context: Context, node: onnx.NodeProto) -> str | None:
    slope = context.constant(node.input[1])
    if slope is None:
        return "the slope must be a constant"
    try:
        np.broadcast_to(slope, context.shape(node.input[0]))
    except ValueError:
        return f"slopes of shape {slope.shape} do not fit a value of shape {context.shape(node.input[0])}"
    return None


def lower_prelu(context: Context, node: onnx.NodeProto) -> None:
    slope = np.asarray(context.array(node.input[1]), np.float64)
    if np.ptp(slope) == 0:
        unary(context, node, "LEAKY_RELU", alpha=float(np.ravel(slope)[0]))
        return
    slopes = np.broadcast_to(slope, context.shape(node.input[0]))
    _two_lines(context, node.input[0], node.output[0], slopes, 1.0 - slopes, np.zeros(slopes.shape))


def lower_affine_prelu(context: Context, node: onnx.NodeProto) -> bool:
    """Lower Add(Add(Mul(w, x), b), PRelu(x)) with constant w, b and slopes, from its last node; False where a node is no such sum."""
    for rectified, line in (node.input, node.input[::-1]):
        prelu = _maker(context, rectified, "PRelu")
        if prelu is None or not context.used_once(rectified) or check_prelu(context, prelu):
            continue
        value, shape = prelu.input[0], context.shape(prelu.input[0])
        found = _line_of(context, line, value)
        if found is None or context.shape(node.output[0]) != shape:
            continue
        slopes = np.asarray(context.array(prelu.input[1]), np.float64)
        factor, offset = (np.broadcast_to(np.asarray(part, np.float64), shape) for part in found)
        _two_lines(context, value, node.output[0], factor + slopes, np.broadcast_to(1.0 - slopes, shape), offset)
        return True
    return False


def _maker(context: Context, value: str, kind: str) -> onnx.NodeProto | None:
    return next((n for n in context.source.nodes if n.op_type == kind and value in n.output), None)


def _line_of(context: Context, line: str, value: str) -> tuple[np.ndarray, np.ndarray] | None:
    """(w, b) of w * value + b, as far as each is there; None where `line` is something else."""
    factor, offset = np.ones(1), np.zeros(1)
    for kind in ("Add", "Mul"):
        made = _maker(context, line, kind)
        if made is None or not context.used_once(line):
            continue
        data = [context.constant(name) for name in made.input]
        if (data[0] is None) == (data[1] is None):
            return None
        constant, line = (data[0], made.input[1]) if data[0] is not None else (data[1], made.input[0])
        assert constant is not None
        factor, offset = (factor, constant) if kind == "Add" else (constant, offset)
    return (factor, offset) if line == value else None


def _two_lines(
    context: Context, value: str, out: str, below: np.ndarray, more_above: np.ndarray, offset: np.ndarray
) -> None:
    """Bind below * x + more_above * relu(x) + offset, constants of the shape of x."""
    graph, shape = context.graph, canonical(context.shape(value))
    x = context.tensor(value)
    made, order = graph.producer(x), list(range(len(shape)))
    if made is not None and made.kind == "TRANSPOSE" and made.region is None:
        turned = graph.tensors[made.inputs[1]].data
        assert turned is not None
        x, order = made.inputs[0], turned.tolist()
    back = [order.index(axis) for axis in range(len(order))]
    below, more_above, offset = (v.reshape(shape).transpose(back).ravel() for v in (below, more_above, offset))
    inner = graph.tensors[x].shape
    row = (1, 1, 1, below.size)
    flat = context.reshaped(x, row, f"{out}/x")
    like = Hint(like=flat)
    positive = graph.add("RELU", (flat,), f"{out}/positive", row, hint=like)
    options: dict[str, object] = {"axis": 1, "fused_activation_function": "NONE"}
    both = graph.add(
        "CONCATENATION", (flat, positive), f"{out}/both", (1, 2, 1, below.size), options=options, hint=like
    )
    weights = graph.add_constant(f"{out}/weights", np.stack([below, more_above]).reshape(1, 2, 1, -1))
    bias = graph.add_constant(f"{out}/bias", offset)
    options = {
        "padding": "VALID",
        "stride_h": 1,
        "stride_w": 1,
        "dilation_h_factor": 1,
        "dilation_w_factor": 1,
        "depth_multiplier": 1,
        "fused_activation_function": "NONE",
    }
    lines = graph.add("DEPTHWISE_CONV_2D", (both, weights, bias), f"{out}/lines", row, options=options)
    if order == sorted(order):
        context.bind(out, context.reshaped(lines, shape, out))
        return
    image = context.reshaped(lines, inner, f"{out}/turned")
    constant = graph.add_constant(f"{out}/perm", np.asarray(order, np.int32))
    context.bind(out, graph.add("TRANSPOSE", (image, constant), out, shape))


LOWERINGS = {"PRelu": Lowering(lower_prelu, check_prelu, any_axes=True)}
