"""The same network in forms that TFLite Micro built with CMSIS-NN computes: no product per channel that is no convolution,
no convolution in groups.

CMSIS-NN has no per-channel FULLY_CONNECTED with int16 activations; its CONV_2D is per channel. Every activation gets the
shape (1, 1, rows, values), so that no RESHAPE is needed; the arithmetic is the same. Convolutions that are there already
stay as they are, biases keep their one axis, and constants that name axes or places along them name those of four axes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .graph import Graph, Operator, Tensor

RANK = 4
_PRODUCTS = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D")
_CONV_OPTIONS = {"padding": "VALID", "stride_w": 1, "stride_h": 1, "dilation_w_factor": 1, "dilation_h_factor": 1}


def without_groups(graph: Graph) -> Graph:
    """Rewrite every CONV_2D in groups with int16 activations as one over all channels, zeros where a group sees none.

    CMSIS-NN's `arm_convolve_s16` knows no groups, and TFLite Micro does not refuse them. The sums are the same.
    """
    tensors = dict(graph.tensors)
    for op in graph.operators:
        if op.kind == "CONV_2D" and graph.tensors[op.inputs[0]].dtype == "int16":
            weights, channels = graph.tensors[op.inputs[1]], graph.tensors[op.inputs[0]].shape[3]
            tensors[weights.name] = _over_all(weights, channels)
    return replace(graph, tensors=tensors)


def _over_all(weights: Tensor, channels: int) -> Tensor:
    """Weights (O, KH, KW, I / groups) -> (O, KH, KW, I)."""
    assert weights.data is not None
    outputs, height, width, depth = weights.shape
    groups = channels // depth
    if groups == 1:
        return weights
    data = np.zeros((groups, outputs // groups, height, width, groups, depth), weights.data.dtype)
    parts = weights.data.reshape(groups, outputs // groups, height, width, depth)
    for group in range(groups):
        data[group, :, :, :, group] = parts[group]
    shape = (outputs, height, width, channels)
    return replace(weights, shape=shape, data=data.reshape(shape))


def as_conv_2d(graph: Graph) -> Graph:
    """Rewrite every FULLY_CONNECTED as a 1x1 CONV_2D and every activation with four axes."""
    weights = {op.inputs[1] for op in graph.operators if op.kind == "FULLY_CONNECTED"}
    biases = {name for op in graph.operators if op.kind in _PRODUCTS for name in op.inputs[2:]}
    tensors = {}
    for name, tensor in graph.tensors.items():
        if name in weights:
            tensors[name] = _as_kernel(tensor)
        elif name in biases or tensor.dtype == "int32":
            tensors[name] = tensor
        else:
            tensors[name] = _four_axes(tensor)
    operators = tuple(_rewrite(graph, op, tensors) for op in graph.operators)
    return replace(graph, tensors=tensors, operators=operators)


def _as_kernel(tensor: Tensor) -> Tensor:
    assert tensor.data is not None
    outputs, inputs = tensor.shape
    shape = (outputs, 1, 1, inputs)
    return replace(tensor, shape=shape, data=tensor.data.reshape(shape))


def _four_axes(tensor: Tensor) -> Tensor:
    shape = (1,) * (RANK - len(tensor.shape)) + tensor.shape
    return replace(tensor, shape=shape, data=None if tensor.data is None else tensor.data.reshape(shape))


def _rewrite(graph: Graph, op: Operator, tensors: dict[str, Tensor]) -> Operator:
    missing = RANK - len(graph.tensors[op.inputs[0]].shape)
    if op.kind == "FULLY_CONNECTED":
        activation = op.options.get("fused_activation_function", "NONE")
        return replace(op, kind="CONV_2D", options={**_CONV_OPTIONS, "fused_activation_function": activation})
    if op.kind == "CONCATENATION":
        return replace(op, options={**op.options, "axis": op.options["axis"] % (RANK - missing) + missing})
    if op.kind == "RESHAPE":
        shape = list(tensors[op.outputs[0]].shape)
        tensors[op.inputs[1]] = _constant(tensors[op.inputs[1]], np.asarray(shape))
        return replace(op, options={"new_shape": shape})
    for name, values in _places(graph, op).items():
        tensors[name] = _constant(tensors[name], values)
    return op


def _places(graph: Graph, op: Operator) -> dict[str, np.ndarray]:
    """The constants of an operator that name axes, or places along them, as they are said of four axes."""
    given = [graph.tensors[name].data for name in op.inputs]
    x = graph.tensors[op.inputs[1 if op.kind == "SPLIT" else 0]]
    missing = RANK - len(x.shape)
    if op.kind == "SPLIT":
        return {op.inputs[0]: np.asarray(given[0]) % len(x.shape) + missing}
    if op.kind == "MEAN":
        return {op.inputs[1]: np.asarray(given[1]) % len(x.shape) + missing}
    if op.kind == "TRANSPOSE":
        return {op.inputs[1]: np.concatenate([np.arange(missing), np.asarray(given[1]) + missing])}
    if op.kind == "PAD":
        return {op.inputs[1]: np.concatenate([np.zeros((missing, 2)), np.asarray(given[1])])}
    if op.kind in ("SLICE", "STRIDED_SLICE"):
        # From 0, up to 1 (or of size 1), in steps of 1: the whole of an axis of one value.
        return {
            name: np.concatenate([np.full(missing, fill), np.asarray(values)])
            for name, values, fill in zip(op.inputs[1:], given[1:], (0, 1, 1), strict=False)
        }
    return {}


def _constant(tensor: Tensor, values: np.ndarray) -> Tensor:
    return replace(tensor, shape=values.shape, data=values.astype(np.int32))
