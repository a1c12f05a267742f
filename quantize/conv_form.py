"""The same products as 1x1 convolutions, for TFLite Micro built with CMSIS-NN.

CMSIS-NN has no per-channel FULLY_CONNECTED with int16 activations; its CONV_2D is per channel. Every activation gets the
shape (1, 1, rows, values), so that no RESHAPE is needed; the arithmetic is the same.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .graph import Graph, Operator, Tensor

RANK = 4
_CONV_OPTIONS = {"padding": "VALID", "stride_w": 1, "stride_h": 1, "dilation_w_factor": 1, "dilation_h_factor": 1}


def as_conv_2d(graph: Graph) -> Graph:
    """Rewrite every FULLY_CONNECTED as a 1x1 CONV_2D and every activation with four axes."""
    weights = {op.inputs[1] for op in graph.operators if op.kind == "FULLY_CONNECTED"}
    biases = {op.inputs[2] for op in graph.operators if op.kind == "FULLY_CONNECTED"}
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
        return replace(op, options={**op.options, "axis": op.options["axis"] + missing})
    if op.kind == "SPLIT":
        axis, split = (graph.tensors[name] for name in op.inputs)
        assert axis.data is not None
        value = int(np.ravel(axis.data)[0]) % len(split.shape) + RANK - len(split.shape)
        tensors[axis.name] = replace(axis, data=np.asarray(value, np.int32).reshape(axis.shape))
    if op.kind == "RESHAPE":
        shape = tensors[op.outputs[0]].shape
        tensors[op.inputs[1]] = _constant(tensors[op.inputs[1]], list(shape))
        return replace(op, options={"new_shape": list(shape)})
    if op.kind == "STRIDED_SLICE":
        for name, fill in zip(op.inputs[1:], (0, 1, 1), strict=True):
            _prepend(tensors, name, [fill] * (RANK - len(_values(tensors[name]))))
    if op.kind == "TRANSPOSE":
        order = _values(tensors[op.inputs[1]])
        if len(order) < RANK:
            tensors[op.inputs[1]] = _constant(
                tensors[op.inputs[1]], [*range(missing), *(axis + missing for axis in order)]
            )
    return op


def _values(tensor: Tensor) -> list[int]:
    assert tensor.data is not None
    return tensor.data.tolist()


def _prepend(tensors: dict[str, Tensor], name: str, values: list[int]) -> None:
    tensors[name] = _constant(tensors[name], values + _values(tensors[name]))


def _constant(tensor: Tensor, values: list[int]) -> Tensor:
    data = np.asarray(values, np.int32)
    return replace(tensor, shape=data.shape, data=data)
