"""The bytes of a .tflite back to the integer graph; files of other makers are refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from export.tflite import options
from export.tflite.description import FORMAT, METADATA_NAME, digest
from export.tflite.schema import FILE_IDENTIFIER, enum_name, load_schema
from models.errors import StapesError
from quantize.graph import DTYPES, Graph, Operator, Region, State, Tensor

# What the generated flatbuffer code raises on offsets that lead nowhere, and our own checks on what it then returns.
_BROKEN = (struct.error, ValueError, TypeError, AttributeError, LookupError, OverflowError, MemoryError)


def from_bytes(data: bytes) -> Graph:
    """The graph that `to_bytes` wrote; raises `StapesError` for anything else."""
    data = bytes(data)
    if data[4:8] != FILE_IDENTIFIER:
        raise StapesError("not a .tflite file; give a file written by stapes")
    schema = load_schema()
    try:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
        description = _description(model)
    except _BROKEN as error:
        raise StapesError(f"the .tflite is damaged ({_first_line(error)}); write it again") from None
    if description is None:
        raise StapesError("the .tflite was not written by stapes; quantize the checkpoint with stapes instead")
    if description.get("format") != FORMAT:
        raise StapesError(f"the .tflite has format {description.get('format')}, not {FORMAT}; use a matching version")
    try:
        graph = _graph(schema, model, description)
        matches = digest(graph) == description["digest"]
    except _BROKEN as error:
        raise StapesError(f"the .tflite is damaged ({_first_line(error)}); write it again") from None
    if not matches:
        raise StapesError("the .tflite was changed after it was written (its digest differs); write it again")
    return graph


def read(path: Path | str) -> Graph:
    """The graph of a .tflite file; errors name the file."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise StapesError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    try:
        return from_bytes(data)
    except StapesError as error:
        raise StapesError(f"{path}: {error}") from None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _text(value: bytes | str) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else value


def _description(model: Any) -> dict[str, Any] | None:
    """The JSON of the metadata buffer; None where the model has none."""
    for metadata in model.metadata or []:
        if _text(metadata.name) == METADATA_NAME:
            found = json.loads(np.asarray(model.buffers[metadata.buffer].data, np.uint8).tobytes())
            if not isinstance(found, dict):
                raise ValueError("description is not an object")
            return found
    return None


def _graph(schema: ModuleType, model: Any, description: dict[str, Any]) -> Graph:
    if len(model.subgraphs) != 1:
        raise ValueError("more than one subgraph")
    (subgraph,) = model.subgraphs
    single = description["axis_of_single_scale"]
    tensors = [_tensor(schema, model, made, single.get(_text(made.name))) for made in subgraph.tensors]
    names = [tensor.name for tensor in tensors]
    if len(set(names)) != len(names):
        raise ValueError("two tensors of one name")
    states = tuple(State(*pair) for pair in description["states"])
    inputs = tuple(names[i] for i in subgraph.inputs)
    outputs = tuple(names[i] for i in subgraph.outputs)
    count_in, count_out = description["inputs"], description["outputs"]
    if inputs[count_in:] != tuple(s.input for s in states) or outputs[count_out:] != tuple(s.output for s in states):
        raise ValueError("states do not match the inputs and outputs")
    return Graph(
        name=_text(subgraph.name),
        tensors={tensor.name: tensor for tensor in tensors},
        operators=tuple(
            _operator(schema, model, made, extra, names)
            for made, extra in zip(subgraph.operators or [], description["operators"], strict=True)
        ),
        inputs=inputs[:count_in],
        outputs=outputs[:count_out],
        states=states,
        regions=tuple(Region(r["name"], r["kind"], r["roles"]) for r in description["regions"]),
        metadata=description["metadata"],
    )


def _tensor(schema: ModuleType, model: Any, made: Any, axis_of_single_scale: int | None) -> Tensor:
    dtype = enum_name(schema.TensorType, made.type).lower()
    if dtype not in DTYPES:
        raise ValueError(f"a tensor is {dtype}")
    shape = tuple(int(n) for n in ([] if made.shape is None or np.ndim(made.shape) == 0 else made.shape))
    raw = model.buffers[made.buffer].data
    data = None
    if raw is not None and not np.isscalar(raw):
        values = np.asarray(raw, np.uint8).tobytes()
        data = np.frombuffer(values, np.dtype(DTYPES[dtype]).newbyteorder("<")).reshape(shape)
    quantization = made.quantization
    if quantization is None:
        return Tensor(_text(made.name), shape, dtype, data=data)
    scale = np.array(quantization.scale, np.float32)
    scale.flags.writeable = False
    zero_points = {int(value) for value in quantization.zeroPoint}
    if len(zero_points) != 1:
        raise ValueError("zero points differ within a tensor")
    axis = axis_of_single_scale if scale.size == 1 else int(quantization.quantizedDimension)
    return Tensor(_text(made.name), shape, dtype, scale, zero_points.pop(), axis, data)


def _operator(schema: ModuleType, model: Any, made: Any, extra: dict[str, Any], names: list[str]) -> Operator:
    code = model.operatorCodes[made.opcodeIndex]
    kind = enum_name(schema.BuiltinOperator, max(code.builtinCode, code.deprecatedBuiltinCode))
    if kind not in options.TABLES:
        raise ValueError(f"operator {kind}")
    given = extra["options"]
    table = options.decode(schema, kind, made.builtinOptionsType, made.builtinOptions)
    if not _same_options(table, {**options.defaults(schema, kind), **given}):
        raise ValueError(f"options of operator '{extra['name']}' differ from their description")
    return Operator(
        kind=kind,
        name=extra["name"],
        inputs=tuple("" if i == -1 else names[i] for i in made.inputs),
        outputs=tuple(names[i] for i in made.outputs),
        options=given,
        region=extra["region"],
    )


def _same_options(table: dict[str, Any], given: dict[str, Any]) -> bool:
    """Whether the option table holds the described values; its floats have single precision."""
    return table.keys() == given.keys() and all(
        value == given[name] or (isinstance(value, float) and np.float32(given[name]) == np.float32(value))
        for name, value in table.items()
    )
