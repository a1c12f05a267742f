"""An integer graph to the bytes of a .tflite that the stock interpreter runs: builtin operators only."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import flatbuffers
import numpy as np

from ...models.errors import StapesError
from ...models.files import write_whole
from ...quantize.graph import DTYPES, Graph, Operator, Tensor
from ...quantize.operators import OPERATORS
from . import options
from .description import METADATA_NAME, constant_bytes, describe, encode
from .schema import FILE_IDENTIFIER, SCHEMA_VERSION, load_schema

# A microcontroller reads weights in place, so a buffer starts where any access to it is aligned.
BUFFER_ALIGNMENT = 16


def to_bytes(graph: Graph) -> bytes:
    """The .tflite of a graph; the same graph gives the same bytes.

    Subgraph inputs are the graph's inputs, then the states' inputs; outputs likewise. Constants with the same bytes
    share a buffer. Raises `StapesError` for a graph that the format cannot hold.
    """
    schema = load_schema()
    _check(graph)
    buffers = _Buffers(schema)
    index = {name: number for number, name in enumerate(graph.tensors)}
    codes = _operator_codes(graph)

    subgraph = schema.SubGraphT()
    subgraph.name = graph.name
    subgraph.tensors = [_tensor(schema, tensor, buffers) for tensor in graph.tensors.values()]
    subgraph.inputs = [index[name] for name in (*graph.inputs, *(state.input for state in graph.states))]
    subgraph.outputs = [index[name] for name in (*graph.outputs, *(state.output for state in graph.states))]
    subgraph.operators = [_operator(schema, graph, op, index, codes) for op in graph.operators]

    metadata = schema.MetadataT()
    metadata.name = METADATA_NAME
    metadata.buffer = buffers.add(encode(describe(graph)))

    model = schema.ModelT()
    model.version = SCHEMA_VERSION
    model.description = "stapes"
    model.operatorCodes = [_operator_code(schema, kind, version) for kind, version in codes]
    model.subgraphs = [subgraph]
    model.buffers = buffers.all
    model.metadata = [metadata]
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())


def write(graph: Graph, path: Path | str) -> None:
    """Write the .tflite of a graph, whole or not at all; raises `StapesError` naming the path."""
    write_whole(Path(path), to_bytes(graph))


class _Buffers:
    """The model's buffers: the first is empty, equal contents stand once."""

    def __init__(self, schema: ModuleType) -> None:
        self.all: list[Any] = [schema.BufferT()]
        self._index: dict[bytes, int] = {}
        self._make = _aligned_buffer(schema)

    def add(self, data: bytes) -> int:
        if data not in self._index:
            self._index[data] = len(self.all)
            self.all.append(self._make(data))
        return self._index[data]


def _aligned_buffer(schema: ModuleType) -> Any:
    """`BufferT` with the alignment that the schema asks for and that the generated Python leaves out."""

    class AlignedBuffer(schema.BufferT):  # type: ignore[misc, name-defined]
        def Pack(self, builder: flatbuffers.Builder) -> int:
            builder.StartVector(1, len(self.data), BUFFER_ALIGNMENT)
            builder.head -= len(self.data)
            builder.Bytes[builder.head : builder.head + len(self.data)] = self.data
            data = builder.EndVector()
            schema.BufferStart(builder)
            schema.BufferAddData(builder, data)
            return int(schema.BufferEnd(builder))

    return AlignedBuffer


def _tensor(schema: ModuleType, tensor: Tensor, buffers: _Buffers) -> Any:
    made = schema.TensorT()
    made.name = tensor.name
    made.shape = list(tensor.shape)
    made.type = getattr(schema.TensorType, tensor.dtype.upper())
    made.buffer = 0 if tensor.data is None else buffers.add(constant_bytes(tensor.data, tensor.dtype))
    if tensor.scale is not None:
        quantization = schema.QuantizationParametersT()
        quantization.scale = [float(value) for value in tensor.scale]
        quantization.zeroPoint = [tensor.zero_point] * len(quantization.scale)
        quantization.quantizedDimension = tensor.axis or 0
        made.quantization = quantization
    return made


def _operator_codes(graph: Graph) -> dict[tuple[str, int], int]:
    """(kind, version) to index, in order of appearance."""
    codes: dict[tuple[str, int], int] = {}
    for op in graph.operators:
        codes.setdefault(_code(graph, op), len(codes))
    return codes


def _code(graph: Graph, op: Operator) -> tuple[str, int]:
    dtype = graph.tensors[op.outputs[0]].dtype
    versions = OPERATORS[op.kind].versions
    if dtype not in versions:
        raise StapesError(f"operator '{op.name}': {op.kind} does not exist in {dtype}; use {' or '.join(versions)}")
    return op.kind, versions[dtype]


def _operator_code(schema: ModuleType, kind: str, version: int) -> Any:
    made = schema.OperatorCodeT()
    made.builtinCode = getattr(schema.BuiltinOperator, kind)
    # Readers take the larger of the two fields; the old one is a byte.
    made.deprecatedBuiltinCode = min(made.builtinCode, 127)
    made.version = version
    return made


def _operator(
    schema: ModuleType, graph: Graph, op: Operator, index: dict[str, int], codes: dict[tuple[str, int], int]
) -> Any:
    made = schema.OperatorT()
    made.opcodeIndex = codes[_code(graph, op)]
    made.inputs = [-1 if name == "" else index[name] for name in op.inputs]
    made.outputs = [index[name] for name in op.outputs]
    made.builtinOptionsType, made.builtinOptions = options.encode(schema, op.kind, op.name, op.options)
    return made


def _check(graph: Graph) -> None:
    """Refuse what would come back changed, or not at all."""
    for name, tensor in graph.tensors.items():
        _check_tensor(name, tensor)
    used = [*graph.inputs, *graph.outputs, *(name for state in graph.states for name in (state.input, state.output))]
    for op in graph.operators:
        if op.kind not in OPERATORS:
            known = ", ".join(OPERATORS)
            raise StapesError(f"operator '{op.name}': {op.kind} cannot be exported; use one of {known}")
        if not op.outputs:
            raise StapesError(f"operator '{op.name}' has no output; give it one")
        used += [name for name in (*op.inputs, *op.outputs) if name]
    for name in used:
        if name not in graph.tensors:
            raise StapesError(f"graph '{graph.name}' uses tensor '{name}', which it does not hold; add it")


def _check_tensor(name: str, tensor: Tensor) -> None:
    def refuse(reason: str) -> StapesError:
        return StapesError(f"tensor '{name}': {reason}")

    if name != tensor.name:
        raise refuse(f"is called '{tensor.name}' in itself; use one name")
    if tensor.dtype not in DTYPES:
        raise refuse(f"dtype {tensor.dtype} is unknown; use {', '.join(DTYPES)}")
    if tensor.data is not None and (tuple(np.shape(tensor.data)) != tuple(tensor.shape) or tensor.size == 0):
        raise refuse(f"data of shape {np.shape(tensor.data)} does not fill shape {tensor.shape}; reshape it")
    if tensor.data is not None and np.asarray(tensor.data).dtype != DTYPES[tensor.dtype]:
        raise refuse(f"data is {np.asarray(tensor.data).dtype}; convert it to {tensor.dtype}")
    if tensor.scale is None:
        if tensor.zero_point != 0 or tensor.axis is not None:
            raise refuse("has a zero point or an axis but no scale; give it a scale")
        return
    scale = np.asarray(tensor.scale)
    if scale.ndim != 1 or scale.size == 0 or not np.array_equal(scale, scale.astype(np.float32)):
        raise refuse("its scale is not a float32 vector; convert it")
    channels = 1 if tensor.axis is None else tensor.shape[tensor.axis]
    if scale.size not in (1, channels):
        raise refuse(f"has {scale.size} scales; give 1, or {channels} along axis {tensor.axis}")
