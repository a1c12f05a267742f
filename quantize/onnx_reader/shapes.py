"""The shape of every value: as the file has it, as it follows from the inputs, and where that is not enough, as onnxruntime makes it."""

from __future__ import annotations

import math

import numpy as np
import onnx
import onnxruntime
from onnx import TypeProto, ValueInfoProto

from ...models.errors import StapesError

# A frame of a hearing aid holds thousands of numbers; a value with more than this is a mistake or an attack.
MOST_VALUES = 2**26
# Operators whose result may be much larger than what they read: from which operand on their sizes stand.
_ANY_SIZE = {
    "ConstantOfShape": 0,
    "Expand": 1,
    "Tile": 1,
    "Range": 0,
    "OneHot": 1,
    "Resize": 1,
    "Upsample": 1,
    "Pad": 1,
}
CONTROL_FLOW = ("If", "Loop", "Scan", "SequenceMap")


def free_inputs(graph: onnx.GraphProto) -> list[ValueInfoProto]:
    """The inputs that are given at run time: older files list their constants there too."""
    constants = {tensor.name for tensor in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
    return [value for value in graph.input if value.name not in constants]


def static_shape(value: ValueInfoProto) -> tuple[int, ...] | None:
    """The shape of a tensor, or None where an axis is not known."""
    tensor = value.type.tensor_type
    if not tensor.HasField("shape") or not all(dim.HasField("dim_value") for dim in tensor.shape.dim):
        return None
    return tuple(dim.dim_value for dim in tensor.shape.dim)


def fix_batch(model: onnx.ModelProto) -> list[str]:
    """Set axes that are called the batch, and nothing else, to 1, in place; what to tell the user, if anything.

    They can only be 1, as a device hears one stream. Where any other axis of an input is open, nothing is changed.
    """
    given = [value.type.tensor_type.shape for value in free_inputs(model.graph)]
    open_axes = [dim for shape in given for dim in shape.dim if dim.dim_value <= 0]
    if not open_axes or not all("batch" in dim.dim_param.lower() for dim in open_axes):
        return []
    names = {dim.dim_param for dim in open_axes}
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in names:
                dim.dim_value = 1
    return [f"the axis {', '.join(sorted(names))} set to 1: a device hears one stream"]


def require_fixed_inputs(model: onnx.ModelProto, label: str) -> None:
    """Raise StapesError for the first axis of an input that is not known."""
    for value in free_inputs(model.graph):
        if not value.type.tensor_type.HasField("shape"):
            raise StapesError(
                f"{label}: the shape of input {value.name!r} is not given; export the model again with it"
            )
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if dim.dim_value <= 0:
                raise StapesError(
                    f"{label}: axis {axis} of {value.name!r} is not fixed ({dim.dim_param or 'unknown'}); "
                    "export a streaming model, one frame a call, without dynamic axes (dynamic_axes, dynamic_shapes)"
                )


def forget_open_outputs(model: onnx.ModelProto) -> None:
    """Take away, in place, what a file says of outputs whose axes it does not know: they follow from the inputs."""
    for value in (*model.graph.output, *model.graph.value_info):
        if static_shape(value) is None:
            value.type.tensor_type.ClearField("shape")


def infer_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the shapes that follow from its inputs; raises whatever onnx finds wrong with them."""
    return onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)


def known_shapes(graph: onnx.GraphProto) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every value whose axes are all known."""
    values = ((value.name, static_shape(value)) for value in (*graph.input, *graph.output, *graph.value_info))
    return {name: shape for name, shape in values if shape is not None}


def unknown_values(graph: onnx.GraphProto) -> list[str]:
    """The values made by an operator whose shape is not known."""
    known = known_shapes(graph)
    return [name for node in graph.node for name in node.output if name and name not in known]


def require_small(graph: onnx.GraphProto, label: str) -> None:
    """Raise StapesError for a value that would not fit into memory, let alone a device's."""
    for name, shape in known_shapes(graph).items():
        if math.prod(shape) > MOST_VALUES:
            raise StapesError(f"{label}: {name!r} of shape {shape} is too large for a device; export one frame a call")


def open_sizes(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The operators whose result may have any size, and whose size no constant says."""
    known = known_shapes(graph) | {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    fixed = {tensor.name for tensor in graph.initializer}
    fixed |= {node.output[0] for node in graph.node if node.op_type == "Constant"}
    return [
        node
        for node in graph.node
        if node.op_type in _ANY_SIZE
        and node.output[0] not in known
        and not all(name in fixed for name in node.input[_ANY_SIZE[node.op_type] :] if name)
    ]


def measured(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with all shapes, those that inference does not find as onnxruntime makes them of a frame of zeros.

    Raises whatever onnxruntime says where it cannot run the model.
    """
    asked = onnx.ModelProto()
    asked.CopyFrom(model)
    missing = unknown_values(model.graph)
    outputs = {value.name for value in asked.graph.output}
    asked.graph.output.extend(ValueInfoProto(name=name) for name in missing if name not in outputs)
    known = known_shapes(model.graph)
    session = quiet_session(asked)
    feed = {value.name: np.zeros(known[value.name], np.float32) for value in free_inputs(model.graph)}
    made = dict(zip(missing, session.run(missing, feed), strict=True))
    result = onnx.ModelProto()
    result.CopyFrom(model)
    for value in (*result.graph.output, *result.graph.value_info):
        if value.name in made:
            _set_shape(value.type, made.pop(value.name))
    for name, array in made.items():
        _set_shape(result.graph.value_info.add(name=name).type, array)
    return result


def _set_shape(kind: TypeProto, array: np.ndarray) -> None:
    kind.tensor_type.elem_type = onnx.helper.np_dtype_to_tensor_dtype(np.asarray(array).dtype)
    kind.tensor_type.ClearField("shape")
    kind.tensor_type.shape.SetInParent()
    for size in np.shape(array):
        kind.tensor_type.shape.dim.add(dim_value=size)


def quiet_session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """A model in onnxruntime as it stands, without fusions, on one thread, without remarks."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
