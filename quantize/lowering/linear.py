"""Gemm and MatMul with a constant matrix, and the bias and ReLU that follow them: FULLY_CONNECTED."""

from __future__ import annotations

import numpy as np
import onnx

from .context import Context, Lowering, canonical


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
    bias = None
    if len(node.input) > 2 and node.input[2]:
        bias = np.broadcast_to(np.ravel(context.array(node.input[2])), weights.shape[:1])
        bias = bias * context.attribute(node, "beta", 1.0)
    _add_fully_connected(context, node, weights, bias)


def check_matmul(context: Context, node: onnx.NodeProto) -> str | None:
    matrix = context.constant(node.input[1])
    if matrix is None:
        return "the second input is not a constant matrix"
    if np.squeeze(matrix).ndim > 2 or matrix.ndim < 2:
        return f"the constant has shape {matrix.shape}, not two axes"
    return None


def lower_matmul(context: Context, node: onnx.NodeProto) -> None:
    matrix = np.asarray(context.array(node.input[1]), np.float64)
    _add_fully_connected(context, node, matrix.reshape(matrix.shape[-2:]).T, None)


def _add_fully_connected(context: Context, node: onnx.NodeProto, weights: np.ndarray, bias: np.ndarray | None) -> None:
    graph, out = context.graph, node.output[0]
    x, factor = context.linear_operand(node.input[0])
    rows = graph.tensors[x].shape[:-1]
    if graph.tensors[x].shape[-1] != weights.shape[1]:
        rows = (int(np.prod(canonical(context.shape(node.input[0])))) // weights.shape[1],)
        x = context.reshaped(x, (*rows, weights.shape[1]), f"{out}/rows")
    w = graph.add_constant(f"{out}/weights", weights * factor)
    b = graph.add_constant(f"{out}/bias", np.zeros(len(weights)) if bias is None else bias)
    context.bind(out, graph.add("FULLY_CONNECTED", (x, w, b), out, (*rows, weights.shape[0])))


def fold_bias(context: Context, node: onnx.NodeProto) -> bool:
    """Take `MatMul + constant vector` as the bias of the FULLY_CONNECTED; True when that was possible."""
    graph = context.graph
    for product, constant in (node.input[:2], node.input[1::-1]):
        vector = context.constant(constant)
        if vector is None or context.constant(product) is not None or not context.used_once(product):
            continue
        op = graph.producer(context.tensor(product))
        if op is None or op.kind != "FULLY_CONNECTED" or op.region or op.options.get("fused_activation_function"):
            continue
        bias = graph.tensors[op.inputs[2]].data
        assert bias is not None
        if vector.size not in (1, bias.size):
            continue
        folded = graph.add_constant(f"{node.output[0]}/bias", bias + np.ravel(vector))
        del graph.tensors[op.inputs[2]]
        graph.replace_operator(op, inputs=(*op.inputs[:2], folded))
        context.bind(node.output[0], op.outputs[0])
        return True
    return False


def fold_relu(context: Context, node: onnx.NodeProto) -> bool:
    """Take a Relu into the FULLY_CONNECTED before it; True when that was possible."""
    op = context.graph.producer(context.tensor(node.input[0]))
    if op is None or op.kind != "FULLY_CONNECTED" or op.region or not context.used_once(node.input[0]):
        return False
    context.graph.replace_operator(op, options={**op.options, "fused_activation_function": "RELU"})
    context.bind(node.output[0], op.outputs[0])
    return True


LOWERINGS = {"Gemm": Lowering(lower_gemm, check_gemm), "MatMul": Lowering(lower_matmul, check_matmul)}
