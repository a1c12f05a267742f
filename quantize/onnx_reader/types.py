"""Float32 in, float32 out: other floats and sparse tensors become plain float32, the rest is refused in the user's terms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import onnx
from google.protobuf.message import Message
from onnx import AttributeProto, NodeProto, SparseTensorProto, TensorProto, TypeProto, ValueInfoProto, numpy_helper

from ...models.errors import StapesError
from .shapes import MOST_VALUES

OTHER_FLOATS: dict[int, str] = {
    TensorProto.DOUBLE: "float64",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
}
# Attributes that name a type of element.
_TYPE_ATTRIBUTES = ("to", "dtype", "output_dtype", "stash_type")


def as_float32(model: onnx.ModelProto) -> list[str]:
    """Turn a model that computes in other floats into one of float32, in place; what to tell the user, if anything.

    Other floats that only store constants stay: folding turns them into what the network uses.
    """
    if not any(_is_other(message) for message in _messages(model)):
        return []
    typed = onnx.shape_inference.infer_shapes(model).graph
    constants = {tensor.name for tensor in typed.initializer}
    changing = _from_inputs(typed, constants)
    found = {
        value.type.tensor_type.elem_type
        for value in (*typed.input, *typed.value_info, *typed.output)
        if value.name in changing or value in typed.output
    } & set(OTHER_FLOATS)
    if not found:
        return []
    for message in _messages(model):
        _convert(message)
    names = " and ".join(sorted(OTHER_FLOATS[kind] for kind in found))
    return [f"computes in {names}; taken as float32, in which it is quantised"]


def _from_inputs(graph: onnx.GraphProto, constants: set[str]) -> set[str]:
    """The values that the inputs decide."""
    reached = {value.name for value in graph.input} - constants
    for node in graph.node:
        if reached & set(node.input) or any(a.HasField("g") for a in node.attribute):
            reached.update(node.output)
    return reached


def _messages(message: Message) -> Iterator[Message]:
    """Every tensor, type and node of a model."""
    if isinstance(message, (TensorProto, TypeProto.Tensor)):
        yield message
        return
    if isinstance(message, NodeProto):
        yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for item in value if hasattr(value, "add") else (value,):
                yield from _messages(item)


def _is_other(message: Message) -> bool:
    if isinstance(message, TensorProto):
        return message.data_type in OTHER_FLOATS
    if isinstance(message, TypeProto.Tensor):
        return message.elem_type in OTHER_FLOATS
    return isinstance(message, NodeProto) and any(
        a.name in _TYPE_ATTRIBUTES and a.i in OTHER_FLOATS for a in message.attribute
    )


def _convert(message: Message) -> None:
    if not _is_other(message):
        return
    if isinstance(message, TensorProto):
        with np.errstate(over="ignore"):  # infinite weights are refused by name later on
            array = numpy_helper.to_array(message).astype(np.float32)
        message.CopyFrom(numpy_helper.from_array(array, message.name))
    elif isinstance(message, TypeProto.Tensor):
        message.elem_type = TensorProto.FLOAT
    elif isinstance(message, NodeProto):
        for attribute in message.attribute:
            if attribute.name in _TYPE_ATTRIBUTES and attribute.i in OTHER_FLOATS:
                attribute.i = TensorProto.FLOAT


def make_dense(graph: onnx.GraphProto) -> None:
    """Turn sparse constants into plain ones, in place. Raises ValueError where one does not describe an array."""
    for sparse in graph.sparse_initializer:
        graph.initializer.append(_dense(sparse))
    graph.ClearField("sparse_initializer")
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                make_dense(attribute.g)
            elif attribute.type == AttributeProto.SPARSE_TENSOR:
                dense = onnx.helper.make_attribute("value", _dense(attribute.sparse_tensor))
                attribute.CopyFrom(dense)


def _dense(sparse: SparseTensorProto) -> TensorProto:
    """The places are one index into the flat array, or one an axis."""
    if math.prod(sparse.dims) > MOST_VALUES:
        raise ValueError(f"a sparse tensor of shape {tuple(sparse.dims)}")
    values, places = numpy_helper.to_array(sparse.values), numpy_helper.to_array(sparse.indices)
    array = np.zeros(tuple(sparse.dims), values.dtype)
    array[np.unravel_index(places, array.shape) if places.ndim == 1 else tuple(places.T)] = values
    return numpy_helper.from_array(array, sparse.values.name)


def require_float32(values: Iterable[ValueInfoProto], what: str, label: str) -> None:
    """Raise StapesError for the first of a model's inputs or outputs (`what`) that is no float32 tensor."""
    for value in values:
        kind = value.type.WhichOneof("value") or "nothing"
        if kind != "tensor_type":
            name = kind.removesuffix("_type").replace("_", " ")
        elif value.type.tensor_type.elem_type == TensorProto.FLOAT:
            continue
        else:
            element = value.type.tensor_type.elem_type
            known = element in TensorProto.DataType.values()
            name = OTHER_FLOATS.get(element) or (
                TensorProto.DataType.Name(element).lower() if known else f"type {element}"
            )
        raise StapesError(
            f"{label}: {what} {value.name!r} is of type {name}, and a network takes and gives frames of float32; "
            "leave what needs another type (an index, a choice, a list) out of the model and export it again"
        )
