"""Gemm and MatMul with a constant matrix: FULLY_CONNECTED; MatMul of two activations: BATCH_MATMUL."""

from __future__ import annotations

import math

import numpy as np
import onnx

from ..float_graph import Hint
from .axes import canonical, wide_axes
from .context import Context, Lowering


def check_gemm(context: Context, node: onnx.NodeProto) -> str | None:
    if context.constant(node.input[1]) is None:
        return "the second input is not a constant matrix"
    if context.attribute(node, "transA", 0):
        return "transA is not supported"
    if len(node.input) > 2 and node.input[2] and context.constant(node.input[2]) is None:
        return "the bias is not a constant"
    return None


def lower_gemm(context: Context, node: onnx.NodeProto) -> None:
    matrix = np.asarray(context.array(node.input[1]), np.float64)
    weights = matrix if context.attribute(node, "transB", 0) else matrix.T
    weights = weights * context.attribute(node, "alpha", 1.0)
    bias, by_row = None, None
    if len(node.input) > 2 and node.input[2]:
        given = np.asarray(context.array(node.input[2]), np.float64) * context.attribute(node, "beta", 1.0)
        if math.prod(given.shape[:-1]) == 1:
            bias = np.broadcast_to(np.ravel(given), weights.shape[:1])
        else:
            by_row = given
    out = node.output[0]
    made = _fully_connected(context, node.input[0], out if by_row is None else f"{out}/product", weights, bias)
    if by_row is not None:
        graph, shape = context.graph, context.shape(out)
        offset = graph.add_constant(f"{out}/bias", np.broadcast_to(by_row, shape).reshape(canonical(shape)))
        made = graph.add("ADD", (context.reshaped(made, canonical(shape), f"{out}/x"), offset), out, canonical(shape))
    context.bind(out, made)


def check_matmul(context: Context, node: onnx.NodeProto) -> str | None:
    matrix = context.constant(node.input[1])
    if matrix is None:
        return _check_two(*(context.shape(name) for name in node.input))
    if math.prod(matrix.shape[:-2]) != 1:
        return f"the constant has shape {matrix.shape}, more than one matrix"
    return None


def _check_two(a: tuple[int, ...], b: tuple[int, ...]) -> str | None:
    if min(len(a), len(b)) < 2:
        return "of two activations, neither may be a vector; use Unsqueeze"
    alike = wide_axes(a[:-2]) == wide_axes(b[:-2]) or math.prod(b[:-2]) == 1
    return None if alike else f"shapes {a} and {b} hold different numbers of matrices"


def _lower_two(context: Context, node: onnx.NodeProto) -> None:
    """Two activations: one BATCH_MATMUL, in int16, with a sum of 64 bits."""
    graph, out = context.graph, node.output[0]
    a, b = (context.shape(name) for name in node.input)
    count = math.prod(b[:-2])
    rows = math.prod(a[:-1]) // count
    left = context.reshaped(context.tensor(node.input[0]), (count, rows, a[-1]), f"{out}/left")
    order = [*range(len(b) - 2), len(b) - 1, len(b) - 2]
    right = context.transposed(context.tensor(node.input[1]), b, order, f"{out}/turned")
    right = context.reshaped(right, (count, b[-1], b[-2]), f"{out}/right")
    options = {"adj_x": False, "adj_y": True}
    shape = (count, rows, b[-1])
    made = graph.add("BATCH_MATMUL", (left, right), f"{out}/made", shape, options=options, hint=Hint(dtype="int16"))
    context.bind(out, made)


def lower_matmul(context: Context, node: onnx.NodeProto) -> None:
    if context.constant(node.input[1]) is None:
        _lower_two(context, node)
        return
    matrix = np.asarray(context.array(node.input[1]), np.float64)
    weights = matrix.reshape(1, -1) if matrix.ndim == 1 else matrix.reshape(matrix.shape[-2:]).T
    context.bind(node.output[0], _fully_connected(context, node.input[0], node.output[0], weights, None))


def _fully_connected(context: Context, value: str, label: str, weights: np.ndarray, bias: np.ndarray | None) -> str:
    """Weights (O, I) times every row (I,) of an ONNX value."""
    graph = context.graph
    x, factor = context.linear_operand(value)
    rows = math.prod(context.shape(value)) // weights.shape[1]
    if graph.tensors[x].shape != (rows, weights.shape[1]):
        x = context.reshaped(x, (rows, weights.shape[1]), f"{label}/rows")
    w = graph.add_constant(f"{label}/weights", weights * factor)
    b = graph.add_constant(f"{label}/bias", np.zeros(len(weights)) if bias is None else bias)
    return graph.add("FULLY_CONNECTED", (x, w, b), label, (rows, weights.shape[0]))


LOWERINGS = {"Gemm": Lowering(lower_gemm, check_gemm), "MatMul": Lowering(lower_matmul, check_matmul)}
