"""The float network of a bundle: whether it can be run, before onnxruntime is asked to."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..models.errors import StapesError
from ..quantize.graph import Graph

REMEDY = "make the bundle again with: stapes quantize"


def require_float_network(data: bytes, graph: Graph) -> None:
    """The float network runs by itself, in a bounded memory, and has the ends of the integer one; raises StapesError where not."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        proto = onnx.load_model_from_string(data)
        onnx.checker.check_model(proto)
    except (DecodeError, onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        raise StapesError(f"no readable ONNX model ({_first_line(error)}); {REMEDY}") from None
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in proto.graph.initializer):
        raise StapesError(f"keeps weights in other files; {REMEDY}")
    if any(node.op_type in ("Loop", "Scan") for node in _nodes(proto)):
        raise StapesError(f"holds a loop, which could run without end; {REMEDY}")
    _require_room(proto)
    constants = {tensor.name for tensor in proto.graph.initializer}
    for what, values, names in (
        ("input", proto.graph.input, (*graph.inputs, *(state.input for state in graph.states))),
        ("output", proto.graph.output, (*graph.outputs, *(state.output for state in graph.states))),
    ):
        sizes = {value.name: _size(value) for value in values if value.name not in constants}
        for name in names:
            if name not in sizes or sizes[name] not in (None, graph.tensors[name].size):
                raise StapesError(f"has no {what} {name[:80]!r} of {graph.tensors[name].size} values; {REMEDY}")


def _require_room(proto: Any) -> None:
    """What onnxruntime would allocate is told by the shapes; where an operator computes its size, `check_model` looks further."""
    import onnx

    from ..quantize.onnx_reader import check_model
    from ..quantize.onnx_reader.shapes import MOST_VALUES, known_shapes, open_sizes

    try:
        inferred = onnx.shape_inference.infer_shapes(proto, data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError) as error:
        raise StapesError(f"its shapes do not fit together ({_first_line(error)}); {REMEDY}") from None
    if sum(abs(math.prod(shape)) for shape in known_shapes(inferred.graph).values()) > MOST_VALUES:
        raise StapesError(f"its values would take more than {MOST_VALUES} numbers; {REMEDY}")
    if proto.functions or _has_branches(proto) or open_sizes(inferred.graph):
        try:
            check_model(proto, "the float network")
        except StapesError as error:
            raise StapesError(f"{error}; {REMEDY}") from None


def _has_branches(proto: Any) -> bool:
    return any(field.HasField("g") or field.graphs for node in proto.graph.node for field in node.attribute)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:120]


def _nodes(proto: Any) -> Iterator[Any]:
    """Every node of an ONNX model: of the graph, of its branches, of its functions."""
    waiting = [*proto.graph.node, *(node for function in proto.functions for node in function.node)]
    while waiting:
        node = waiting.pop()
        yield node
        for field in node.attribute:
            waiting += [*field.g.node, *(inner for graph in field.graphs for inner in graph.node)]


def _size(value: Any) -> int | None:
    """Values of an ONNX input or output; None where a dimension is not told."""
    dims = value.type.tensor_type.shape.dim
    return int(np.prod([dim.dim_value for dim in dims], dtype=object)) if all(d.dim_value > 0 for d in dims) else None
