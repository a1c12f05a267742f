"""Element by element, of one operand: the activations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx

from ..curves.functions import FUNCTIONS
from ..float_graph import CURVE, Hint
from ..graph import Region
from ..regions import CURVES
from .broadcast import lower_whole_power, whole_power
from .context import Context, Lowering
from .folding import fold_relu
from .unary import unary

SIGMOID = Hint(fixed={"int8": (2.0**-8, -128), "int16": (2.0**-15, 0)})
TANH = Hint(fixed={"int8": (2.0**-7, 0), "int16": (2.0**-15, 0)})


def _limit_int8(context: Context, node: onnx.NodeProto, limit: float) -> None:
    """The input of a sigmoid or tanh may saturate in int8 where the function is flat, if it feeds nothing else."""
    if context.used_once(node.input[0]):
        context.graph.limit_int8(context.tensor(node.input[0]), limit)


def curve(context: Context, node: onnx.NodeProto, function: str, settings: dict[str, object], value: str) -> None:
    """A function of one value, of which tables are made once the formats are known (`quantize/curves`)."""
    graph, out = context.graph, node.output[0]
    x, name = context.tensor(value), context.numbered("curve")
    options = {"function": function, "settings": settings}
    y = graph.add(CURVE, (x,), out, graph.tensors[x].shape, options=options, region=name)
    graph.regions.append(Region(name, "curve", {"x": x, "y": y}))
    context.bind(out, y)


def lower_curve(context: Context, node: onnx.NodeProto) -> None:
    defaults = FUNCTIONS[node.op_type].defaults
    if (limit := context.attribute(node, "limit")) is not None and context.used_once(node.input[0]):
        # Of a Softmax: beyond, the exponential is nothing.
        x = context.tensor(node.input[0])
        context.graph.tensors[x] = replace(context.graph.tensors[x], hint=Hint(limit=limit))
    settings = {name: _plain(context.attribute(node, name, value)) for name, value in defaults.items()}
    curve(context, node, node.op_type, settings, node.input[0])


def _plain(value: object) -> object:
    return value.decode() if isinstance(value, bytes) else value


def lower_step(context: Context, node: onnx.NodeProto) -> None:
    curve(context, node, "Step", {}, node.input[0])


def lower_abs(context: Context, node: onnx.NodeProto) -> None:
    unary(context, node, "ABS")


def check_power(context: Context, node: onnx.NodeProto) -> str | None:
    exponent = context.constant(node.input[1])
    if exponent is None:
        return "the exponent must be a constant"
    return None if exponent.size and np.ptp(exponent) == 0 and context.shape(node.output[0]) == context.shape(node.input[0]) else "the exponent must be one number"  # fmt: skip


def lower_power(context: Context, node: onnx.NodeProto) -> None:
    """x, x * x, or that times x; other exponents by a table."""
    if whole_power(context, node):
        lower_whole_power(context, node)
        return
    exponent = float(np.ravel(context.array(node.input[1]))[0])
    if exponent == 0.5:
        curve(context, node, "Sqrt", {}, node.input[0])
    else:
        curve(context, node, "Pow", {"exponent": exponent}, node.input[0])


def lower_neg(context: Context, node: onnx.NodeProto) -> None:
    x, factor = context.linear_operand(node.input[0])
    context.bind(node.output[0], x, -factor)


def lower_sigmoid(context: Context, node: onnx.NodeProto) -> None:
    _limit_int8(context, node, 8.0)
    unary(context, node, "LOGISTIC", SIGMOID)


def lower_tanh(context: Context, node: onnx.NodeProto) -> None:
    _limit_int8(context, node, 4.0)
    unary(context, node, "TANH", TANH)


def lower_relu(context: Context, node: onnx.NodeProto) -> None:
    if not fold_relu(context, node):
        unary(context, node, "RELU")


def lower_leaky_relu(context: Context, node: onnx.NodeProto) -> None:
    unary(context, node, "LEAKY_RELU", alpha=float(context.attribute(node, "alpha", 0.01)))


LOWERINGS = {
    **{name: Lowering(lower_curve, any_axes=True) for name in CURVES if name != "Pow"},
    "Abs": Lowering(lower_abs, any_axes=True),
    "Pow": Lowering(lower_power, check_power, any_axes=True),
    "Step": Lowering(lower_step, any_axes=True),
    "Neg": Lowering(lower_neg, any_axes=True),
    "Sigmoid": Lowering(lower_sigmoid, any_axes=True),
    "Tanh": Lowering(lower_tanh, any_axes=True),
    "Relu": Lowering(lower_relu, any_axes=True),
    "LeakyRelu": Lowering(lower_leaky_relu, any_axes=True),
}
