"""What stands right behind a product of weights and goes into it: a bias, a rectifier, a gain or offset by channel."""

from __future__ import annotations

import math

import numpy as np
import onnx

from ..graph import Operator
from .axes import Shape, aligned
from .context import Context

_CONVOLUTIONS = ("Conv", "ConvTranspose")
_FOLDED = ("BatchNormalization", "Add", "Sub", "Mul", "Div")
_PRODUCTS = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D")


def multiplicand(context: Context, node: onnx.NodeProto, index: int) -> np.ndarray | None:
    """A constant operand, a divisor as what is to be multiplied by; None for an activation."""
    data = context.constant(node.input[index])
    if data is None:
        return None
    data = np.asarray(data, np.float64)
    return 1.0 / data if node.op_type == "Div" else data


def _maker(context: Context, value: str) -> onnx.NodeProto | None:
    return next((node for node in context.source.nodes if value in node.output), None)


def _product(context: Context, value: str) -> Operator | None:
    """The FULLY_CONNECTED that makes an ONNX value read by one node alone, outside regions, or None."""
    if context.constant(value) is not None or not context.used_once(value):
        return None
    op = context.graph.producer(context.tensor(value))
    made = _maker(context, value)
    if op is not None and op.kind == "RESHAPE" and made is not None and made.op_type in ("Gemm", "MatMul"):
        op = context.graph.producer(op.inputs[0])
    return op if op is not None and op.kind == "FULLY_CONNECTED" and op.region is None else None


def fold_bias(context: Context, node: onnx.NodeProto) -> bool:
    """Take `MatMul + constant vector` as the bias of the FULLY_CONNECTED; True when that was possible."""
    graph = context.graph
    for product, constant in (node.input[:2], node.input[1::-1]):
        vector = context.constant(constant)
        op = None if vector is None else _product(context, product)
        if vector is None or op is None or op.options.get("fused_activation_function"):
            continue
        bias = graph.tensors[op.inputs[2]].data
        assert bias is not None
        if not _is_bias(vector, bias.size, context.shape(product)):
            continue
        folded = graph.add_constant(f"{node.output[0]}/bias", bias + np.ravel(vector))
        del graph.tensors[op.inputs[2]]
        graph.replace_operator(op, inputs=(*op.inputs[:2], folded))
        context.bind(node.output[0], context.tensor(product))
        return True
    return False


def _is_bias(vector: np.ndarray, outputs: int, shape: Shape) -> bool:
    """Whether a constant beside a product of `shape` is one number, or varies along its outputs alone, the last axis."""
    shapes = aligned(shape, vector.shape)
    if shapes.result != shapes.operands[0]:
        return False
    return vector.size == 1 or vector.size == outputs == shapes.operands[1][-1] == shapes.operands[0][-1]


def fold_relu(context: Context, node: onnx.NodeProto) -> bool:
    """Take a Relu into the FULLY_CONNECTED before it; True when that was possible."""
    op = _product(context, node.input[0])
    if op is None:
        return False
    context.graph.replace_operator(op, options={**op.options, "fused_activation_function": "RELU"})
    context.bind(node.output[0], context.tensor(node.input[0]))
    return True


def fold_into_convolution(context: Context, node: onnx.NodeProto) -> bool:
    """Take what varies by channel alone into the convolution that makes the other operand; True when that was possible."""
    for index in (0, 1):
        value, data = node.input[index], multiplicand(context, node, 1 - index)
        if data is None or not context.used_once(value) or not _is_convolution(context, value):
            continue
        shape = context.shape(value)
        channels = _by_channel(data, shape)
        if channels is None or context.shape(node.output[0]) != shape:
            continue
        product = _product_behind(context, context.tensor(value))
        if product is None:
            continue
        factor, offset = _as_line(node.op_type, index, channels)
        _scale_product(context, product, factor, offset, node.output[0])
        context.bind(node.output[0], context.tensor(value))
        return True
    return False


def _by_channel(data: np.ndarray, shape: Shape) -> np.ndarray | None:
    """Values (C,) of a constant that varies along axis 1 of `shape` alone, where there are positions beside channels."""
    if data.ndim > len(shape) or math.prod(shape[2:]) == 1 or shape[1] == 1:
        return None
    padded = data.reshape((1,) * (len(shape) - data.ndim) + data.shape)
    return padded.ravel() if padded.shape[1] == padded.size == shape[1] else None


def _is_convolution(context: Context, value: str) -> bool:
    """Whether a convolution made an ONNX value, with whatever went into it since."""
    made = _maker(context, value)
    while made is not None and made.op_type not in _CONVOLUTIONS:
        before = [name for name in made.input if context.bound.get(name) == context.bound[value]]
        if made.op_type == "BatchNormalization":
            before = [made.input[0]]
        made = _maker(context, before[0]) if before and made.op_type in _FOLDED else None
    return made is not None


def _as_line(kind: str, index: int, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(factor, offset) of y = factor * x + offset for the activation x at place `index` beside the constant `values`."""
    ones = np.ones(len(values))
    if kind in ("Mul", "Div"):
        return values, 0.0 * ones
    if kind == "Add":
        return ones, values
    return (ones, -values) if index == 0 else (-ones, values)


def _product_behind(context: Context, tensor: str) -> Operator | None:
    """The product of weights whose result a tensor is, but for its order and shape, or None."""
    made = context.graph.producer(tensor)
    while made is not None and made.region is None and made.kind in ("RESHAPE", "TRANSPOSE"):
        made = context.graph.producer(made.inputs[0])
    if made is None or made.region is not None or made.kind not in _PRODUCTS:
        return None
    return made if made.options.get("fused_activation_function", "NONE") == "NONE" else None


def _scale_product(context: Context, op: Operator, factor: np.ndarray, offset: np.ndarray, out: str) -> None:
    """Weights and bias of a convolution times factor (O,), plus offset (O,); a transposed one has them once a phase."""
    graph = context.graph
    weights, bias = (graph.tensors[name].data for name in op.inputs[1:3])
    assert weights is not None
    assert bias is not None
    phases = bias.size // factor.size
    factor, offset = np.tile(factor, phases), np.tile(offset, phases)
    by_output = factor if op.kind == "DEPTHWISE_CONV_2D" else factor.reshape(-1, *(1,) * (weights.ndim - 1))
    folded = (
        graph.add_constant(f"{out}/weights", weights * by_output),
        graph.add_constant(f"{out}/bias", bias * factor + offset),
    )
    for name in op.inputs[1:3]:
        del graph.tensors[name]
    graph.replace_operator(op, inputs=(op.inputs[0], *folded))
