"""Element by element: Add, Sub, Mul, Div by a constant, and the activations."""

from __future__ import annotations

import numpy as np
import onnx

from ..float_graph import Hint
from .context import Context, Lowering, canonical
from .linear import fold_bias, fold_relu

_KINDS = {"Add": "ADD", "Sub": "SUB", "Mul": "MUL"}
SIGMOID = Hint(fixed={"int8": (2.0**-8, -128), "int16": (2.0**-15, 0)})
TANH = Hint(fixed={"int8": (2.0**-7, 0), "int16": (2.0**-15, 0)})


def check_binary(context: Context, node: onnx.NodeProto) -> str | None:
    shapes = [canonical(context.shape(name)) for name in node.input]
    if shapes[0] != shapes[1] and not any(_broadcasts(a, b) for a, b in (shapes, shapes[::-1])):
        return f"shapes {shapes[0]} and {shapes[1]} do not broadcast over leading axes"
    return None


def _broadcasts(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(small, large) == tuple(large)
    except ValueError:
        return False


def lower_binary(context: Context, node: onnx.NodeProto) -> None:
    if node.op_type == "Add" and fold_bias(context, node):
        return
    a, b = (context.tensor(name) for name in node.input)
    shape = np.broadcast_shapes(context.graph.tensors[a].shape, context.graph.tensors[b].shape)
    context.bind(node.output[0], context.graph.add(_KINDS[node.op_type], (a, b), node.output[0], shape))


def check_div(context: Context, node: onnx.NodeProto) -> str | None:
    divisor = context.constant(node.input[1])
    if divisor is None:
        return "the divisor is not a constant"
    return "the divisor holds a zero" if np.any(np.asarray(divisor) == 0) else None


def lower_div(context: Context, node: onnx.NodeProto) -> None:
    reciprocal = 1.0 / np.asarray(context.array(node.input[1]), np.float64)
    b = context.graph.add_constant(f"{node.output[0]}/reciprocal", reciprocal.reshape(canonical(reciprocal.shape)))
    a = context.tensor(node.input[0])
    shape = context.graph.tensors[a].shape
    context.bind(node.output[0], context.graph.add("MUL", (a, b), node.output[0], shape))


def _limit_int8(context: Context, node: onnx.NodeProto, limit: float) -> None:
    """The input of a sigmoid or tanh may saturate in int8 where the function is flat, if it feeds nothing else."""
    if context.used_once(node.input[0]):
        context.graph.limit_int8(context.tensor(node.input[0]), limit)


def _unary(context: Context, node: onnx.NodeProto, kind: str, hint: Hint | None = None, **options: object) -> None:
    """An operator on every value; a TRANSPOSE in front moves behind it, where it may meet its inverse."""
    graph, out = context.graph, node.output[0]
    x = context.tensor(node.input[0])
    made = graph.producer(x)
    if made is None or made.kind != "TRANSPOSE" or made.region or not context.used_once(node.input[0]):
        context.bind(out, graph.add(kind, (x,), out, graph.tensors[x].shape, options=options, hint=hint))
        return
    before, perm = made.inputs
    order = graph.tensors[perm].data
    assert order is not None
    shape = graph.tensors[before].shape
    inner = graph.add(kind, (before,), f"{out}/turned", shape, options=options, hint=hint)
    context.bind(out, context.transposed(inner, shape, order.tolist(), out))


def lower_sigmoid(context: Context, node: onnx.NodeProto) -> None:
    _limit_int8(context, node, 8.0)
    _unary(context, node, "LOGISTIC", SIGMOID)


def lower_tanh(context: Context, node: onnx.NodeProto) -> None:
    _limit_int8(context, node, 4.0)
    _unary(context, node, "TANH", TANH)


def lower_relu(context: Context, node: onnx.NodeProto) -> None:
    if not fold_relu(context, node):
        _unary(context, node, "RELU")


def lower_leaky_relu(context: Context, node: onnx.NodeProto) -> None:
    _unary(context, node, "LEAKY_RELU", alpha=float(context.attribute(node, "alpha", 0.01)))


def check_prelu(context: Context, node: onnx.NodeProto) -> str | None:
    slope = context.constant(node.input[1])
    if slope is None:
        return "the slope must be a constant"
    return None if np.ptp(slope) == 0 else "only one slope for all channels is supported"


def lower_prelu(context: Context, node: onnx.NodeProto) -> None:
    _unary(context, node, "LEAKY_RELU", alpha=float(np.ravel(context.array(node.input[1]))[0]))


LOWERINGS = {
    **{kind: Lowering(lower_binary, check_binary) for kind in _KINDS},
    "Div": Lowering(lower_div, check_div),
    "Sigmoid": Lowering(lower_sigmoid),
    "Tanh": Lowering(lower_tanh),
    "Relu": Lowering(lower_relu),
    "LeakyRelu": Lowering(lower_leaky_relu),
    "PRelu": Lowering(lower_prelu, check_prelu),
}
