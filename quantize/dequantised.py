"""An integer graph as a float network in ONNX: the same operators on the real numbers that its codes stand for.

Nothing is rounded and nothing saturates but what the operator itself bounds. It is what the integers of a file are compared with that
came without a float network.

Worked example: a weight of code 64 and scale 2^-7 is 0.5; QUANTIZE, which changes a format, is nothing at all.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from .float_onnx import nodes_of
from .graph import Graph, Operator, Tensor
from .onnx_reader import STATES_KEY, StreamingOnnx
from .prepare import (
    ConcatenationParams,
    Conv2DParams,
    DepthwiseConv2DParams,
    FullyConnectedParams,
    GatherParams,
    MeanParams,
    PadParams,
    Params,
    ReshapeParams,
    SliceParams,
    SplitParams,
    TransposeParams,
    prepare,
)

OPSET, IR_VERSION = 20, 10
_PRODUCTS = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D")
_ENDS = {"RELU": (0.0, math.inf), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}


def dequantised(graph: Graph) -> onnx.ModelProto:
    """The float network of an integer graph, float32: its ends have their names, its states stand in the metadata.

    Raises StapesError for an operator that no engine would run.
    """
    ends = {*graph.inputs, *graph.outputs, *(name for state in graph.states for name in (state.input, state.output))}
    prefix = "v"
    while any(name.startswith(prefix) for name in ends):
        prefix += "_"
    inner = {name: f"{prefix}{index}" for index, name in enumerate(graph.tensors)}
    # Names of other people appear at the ends alone.
    renamed = _renamed(graph, inner)
    writing = _Writing(renamed)
    for op in renamed.operators:
        writing.write(op)
    given = [*graph.inputs, *(state.input for state in graph.states)]
    made = [*graph.outputs, *(state.output for state in graph.states)]
    first = [helper.make_node("Identity", [name], [inner[name]]) for name in given]
    last = [helper.make_node("Identity", [inner[name]], [name]) for name in made]
    values = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, graph.tensors[name].shape) for name in ends}
    body = helper.make_graph(
        [*first, *writing.nodes, *last],
        graph.name,
        [values[name] for name in given],
        [values[name] for name in made],
        writing.constants,
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    helper.set_model_props(model, {STATES_KEY: json.dumps([[state.input, state.output] for state in graph.states])})
    return model


def as_source(graph: Graph, model: onnx.ModelProto) -> StreamingOnnx:
    """What the front door for ONNX would say of the float network of a graph, whose shapes and states are known."""
    ends = (*graph.inputs, *graph.outputs, *(name for state in graph.states for name in (state.input, state.output)))
    return StreamingOnnx(
        name=graph.name,
        nodes=tuple(model.graph.node),
        constants={tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer},
        shapes={name: graph.tensors[name].shape for name in ends},
        inputs=graph.inputs,
        outputs=graph.outputs,
        states=graph.states,
        metadata={entry.key: entry.value for entry in model.metadata_props},
        opset=OPSET,
    )


def _renamed(graph: Graph, names: Mapping[str, str]) -> Graph:
    tensors = {names[name]: replace(tensor, name=names[name]) for name, tensor in graph.tensors.items()}
    operators = tuple(
        replace(op, inputs=tuple(names.get(n, "") for n in op.inputs), outputs=tuple(names[n] for n in op.outputs))
        for op in graph.operators
    )
    return replace(graph, tensors=tensors, operators=operators)


class _Writing:
    """The nodes so far, and the constants that they read."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.nodes: list[NodeProto] = []
        biases = {op.inputs[2] for op in graph.operators if op.kind in _PRODUCTS and len(op.inputs) > 2}
        known = [tensor for name, tensor in graph.tensors.items() if tensor.data is not None and name not in biases]
        self.constants = [_real(tensor) for tensor in known]

    def write(self, op: Operator) -> None:
        """One operator as nodes."""
        params = prepare(self._graph, op)
        y, activation = op.outputs[0], str(op.options.get("fused_activation_function", "NONE"))
        made = y if activation == "NONE" else f"{y}.linear"
        self._operator(op, params, made)
        if activation != "NONE":
            self._clip(made, y, *_ENDS[activation])

    def _operator(self, op: Operator, params: Params, y: str) -> None:
        x, moved = op.inputs[0], self._moved(op, params, y)
        if moved:
            self.nodes += moved
        elif op.kind == "QUANTIZE":
            self.nodes.append(helper.make_node("Identity", [x], [y]))
        elif isinstance(params, FullyConnectedParams):
            self._fully_connected(op, params, y)
        elif isinstance(params, MeanParams):
            axes = self._whole(f"{y}.axes", params.axes)
            self.nodes.append(helper.make_node("ReduceMean", [x, axes], [f"{y}.mean"], keepdims=1))
            self._reshape(f"{y}.mean", y, params.output_shape)
        elif isinstance(params, GatherParams):
            self._gather(op, params, y)
        else:
            self._as_in_float(op, params, y)

    def _moved(self, op: Operator, params: Params, y: str) -> list[NodeProto]:
        """The nodes of an operator that moves values; none for another one."""
        x = op.inputs[0]
        if isinstance(params, ReshapeParams):
            return [helper.make_node("Reshape", [x, self._whole(f"{y}.shape", params.output_shape)], [y])]
        if isinstance(params, TransposeParams):
            return [helper.make_node("Transpose", [x], [y], perm=params.permutation)]
        if isinstance(params, ConcatenationParams):
            return [helper.make_node("Concat", list(op.inputs), [y], axis=params.axis)]
        if isinstance(params, SplitParams):
            return [
                helper.make_node("Split", op.inputs[1:2], list(op.outputs), axis=params.axis, num_outputs=params.count)
            ]
        if isinstance(params, PadParams):
            pads = self._whole(f"{y}.pads", (*params.before, *params.after))
            return [helper.make_node("Pad", [x, pads], [y])]
        if isinstance(params, SliceParams):
            places = [
                np.add(b, np.multiply(range(n), s))
                for b, n, s in zip(params.begin, params.size, params.stride, strict=True)
            ]
            nodes, value = [], x
            for axis, chosen in enumerate(places):
                if list(chosen) != list(range(self._graph.tensors[x].shape[axis])):
                    where = self._whole(f"{y}.places{axis}", tuple(int(place) for place in chosen))
                    nodes.append(helper.make_node("Gather", [value, where], [f"{y}.part{axis}"], axis=axis))
                    value = f"{y}.part{axis}"
            shape = self._whole(f"{y}.shape", params.output_shape)
            return [*nodes, helper.make_node("Reshape", [value, shape], [y])]
        return []

    def _as_in_float(self, op: Operator, params: Params, y: str) -> None:
        """An operator that is written as when it is calibrated."""
        options = {**op.options, "fused_activation_function": "NONE"}
        if isinstance(params, Conv2DParams | DepthwiseConv2DParams):
            options |= {"stride_h": params.stride[0], "stride_w": params.stride[1]}
            options |= {"dilation_h_factor": params.dilation[0], "dilation_w_factor": params.dilation[1]}
            options.setdefault("padding", "SAME")
        tensors = {**self._graph.tensors, y: replace(self._graph.tensors[op.outputs[0]], name=y)}
        inputs = op.inputs
        if isinstance(params, Conv2DParams | DepthwiseConv2DParams):
            inputs = (*inputs[:2], self._bias(op, params, f"{y}.bias"))
        self.nodes += nodes_of(
            replace(self._graph, tensors=tensors), replace(op, inputs=inputs, outputs=(y,), options=options)
        )

    def _bias(
        self, op: Operator, params: FullyConnectedParams | Conv2DParams | DepthwiseConv2DParams, name: str
    ) -> str:
        """What a bias adds, in the unit of the sums: its own scale decides nothing."""
        scales = [np.asarray(self._graph.tensors[place].scale, np.float64) for place in op.inputs[:2]]
        self.constants.append(numpy_helper.from_array((params.bias * scales[0] * scales[1]).astype(np.float32), name))
        return name

    def _fully_connected(self, op: Operator, params: FullyConnectedParams, y: str) -> None:
        """Rows of any number of axes."""
        weights = self._graph.tensors[op.inputs[1]]
        self._reshape(op.inputs[0], f"{y}.rows", (-1, weights.shape[1]))
        given = [f"{y}.rows", op.inputs[1], self._bias(op, params, f"{y}.bias")]
        self.nodes.append(helper.make_node("Gemm", given, [f"{y}.product"], transB=1))
        self._reshape(f"{y}.product", y, self._graph.tensors[op.outputs[0]].shape)

    def _gather(self, op: Operator, params: GatherParams, y: str) -> None:
        """Positions of real numbers are codes again, held to the table."""
        x = self._graph.tensors[op.inputs[1]]
        assert x.scale is not None
        scale = self._number(f"{y}.scale", float(x.scale[0]))
        zero = self._number(f"{y}.zero", float(x.zero_point))
        self.nodes += [
            helper.make_node("Div", [x.name, scale], [f"{y}.steps"]),
            helper.make_node("Round", [f"{y}.steps"], [f"{y}.rounded"]),
            helper.make_node("Add", [f"{y}.rounded", zero], [f"{y}.codes"]),
        ]
        self._clip(f"{y}.codes", f"{y}.held", 0.0, float(params.table.size - 1))
        self.nodes.append(helper.make_node("Cast", [f"{y}.held"], [f"{y}.places"], to=TensorProto.INT64))
        self.nodes.append(helper.make_node("Gather", [op.inputs[0], f"{y}.places"], [y], axis=0))

    def _reshape(self, x: str, y: str, shape: tuple[int, ...]) -> None:
        self.nodes.append(helper.make_node("Reshape", [x, self._whole(f"{y}.shape", shape)], [y]))

    def _clip(self, x: str, y: str, low: float, high: float) -> None:
        ends = [self._number(f"{y}.low", low)]
        if math.isfinite(high):
            ends.append(self._number(f"{y}.high", high))
        self.nodes.append(helper.make_node("Clip", [x, *ends], [y]))

    def _number(self, name: str, value: float) -> str:
        self.constants.append(numpy_helper.from_array(np.array(value, np.float32), name))
        return name

    def _whole(self, name: str, values: tuple[int, ...]) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(values, np.int64), name))
        return name


def _real(tensor: Tensor) -> TensorProto:
    """A constant in real numbers; axes and shapes as whole ones."""
    assert tensor.data is not None
    if tensor.scale is None:
        return numpy_helper.from_array(tensor.data.astype(np.int64), tensor.name)
    scale = np.asarray(tensor.scale, np.float64)
    if tensor.axis is not None and scale.size > 1:
        scale = scale.reshape([-1 if axis == tensor.axis else 1 for axis in range(len(tensor.shape))])
    real = (tensor.data.astype(np.float64) - tensor.zero_point) * scale
    return numpy_helper.from_array(real.astype(np.float32), tensor.name)
