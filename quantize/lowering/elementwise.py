"""Element by element, of one operand: whole powers and the activations."""

from __future__ import annotations

import numpy as np
import onnx

from ..float_graph import Hint
from .context import Context, Lowering
from .folding import fold_relu

SIGMOID = Hint(fixed={"int8": (2.0**-8, -128), "int16": (2.0**-15, 0)})
TANH = Hint(fixed={"int8": (2.0**-7, 0), "int16": (2.0**-15, 0)})


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


def whole_power(context: Context, node: onnx.NodeProto) -> int | None:
    """The exponent of a Pow that multiplications make: 1, 2 or 3, the same for all values; None for any other."""
    exponent = context.constant(node.input[1])
    if exponent is None or exponent.size == 0 or context.shape(node.output[0]) != context.shape(node.input[0]):
        return None
    return next((n for n in (1, 2, 3) if np.all(exponent == n)), None)


def check_pow(context: Context, node: onnx.NodeProto) -> str | None:
    return None if whole_power(context, node) else "only the constant exponents 1, 2 and 3 are supported"


def lower_pow(context: Context, node: onnx.NodeProto) -> None:
    """x * x, and that times x."""
    graph, out = context.graph, node.output[0]
    x = power = context.tensor(node.input[0])
    exponent = whole_power(context, node)
    assert exponent is not None
    for n in range(2, exponent + 1):
        label = out if n == exponent else f"{out}/{n}"
        power = graph.add("MUL", (power, x), label, graph.tensors[x].shape)
    context.bind(out, power)


LOWERINGS = {
    "Pow": Lowering(lower_pow, check_pow, any_axes=True),
    "Sigmoid": Lowering(lower_sigmoid, any_axes=True),
    "Tanh": Lowering(lower_tanh, any_axes=True),
    "Relu": Lowering(lower_relu, any_axes=True),
    "LeakyRelu": Lowering(lower_leaky_relu, any_axes=True),
    "PRelu": Lowering(lower_prelu, check_prelu, any_axes=True),
}
