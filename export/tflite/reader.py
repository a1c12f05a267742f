"""The bytes of a .tflite back to the integer graph; files of other makers are refused."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ...models.errors import StapesError
from ...models.schema import STRICT_OPEN, parse_json, validated
from ...models.text import first_line
from ...quantize.graph import DTYPES, Graph, Operator, Region, State, Tensor
from ...quantize.operators import OPERATORS
from . import options
from .description import FORMAT, METADATA_NAME, digest
from .proportion import MOST_METADATA, require_proportion
from .schema import FILE_IDENTIFIER, enum_name, load_schema

# What the generated flatbuffer code raises on offsets that lead nowhere, and our own checks on what it then returns.
BROKEN = (
    struct.error,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    MemoryError,
    RecursionError,
)
_AGAIN = "write it again"


@dataclass(frozen=True)
class _Operator:
    """An operator of the description."""

    name: str
    region: str | None
    options: dict[str, Any]

    __pydantic_config__ = STRICT_OPEN


@dataclass(frozen=True)
class _Region:
    """A region of the description."""

    name: str
    kind: str
    roles: dict[str, str]

    __pydantic_config__ = STRICT_OPEN


@dataclass(frozen=True)
class _Description:
    """What `description.describe` makes, read back."""

    operators: tuple[_Operator, ...]
    inputs: int
    outputs: int
    states: tuple[tuple[str, str], ...]
    regions: tuple[_Region, ...]
    metadata: dict[str, str]
    axis_of_single_scale: dict[str, int]
    digest: str

    __pydantic_config__ = STRICT_OPEN


def from_bytes(data: bytes) -> Graph:
    """The graph that `to_bytes` wrote; raises `StapesError` for anything else."""
    data = bytes(data)
    if data[4:8] != FILE_IDENTIFIER:
        raise StapesError("not a .tflite file; give a file written by stapes")
    schema = load_schema()
    try:
        root = schema.Model.GetRootAs(data, 0)
        place = description_buffer(root)
        if place is None:
            raise StapesError("the .tflite was not written by stapes; quantize the checkpoint with stapes instead")
        if root.SubgraphsLength() != 1 or root.SignatureDefsLength():
            raise ValueError("not one subgraph with its description")
        require_proportion(root, len(data))
        model = schema.ModelT.InitFromObj(root)
        text = np.asarray(model.buffers[place].data, np.uint8).tobytes()
    except BROKEN as error:
        raise StapesError(f"the .tflite is damaged ({first_line(error)}); {_AGAIN}") from None
    label = f"the .tflite is damaged, its description {METADATA_NAME!r}"
    document = parse_json(text, label, _AGAIN)
    if isinstance(document, dict) and document.get("format") != FORMAT:
        raise StapesError(
            f"the .tflite has format {str(document.get('format'))[:20]}, not {FORMAT}; use a matching version"
        )
    description = validated(_Description, document, label, _AGAIN)
    try:
        graph = _graph(schema, model, description)
        matches = digest(graph) == description.digest
    except BROKEN as error:
        raise StapesError(f"the .tflite is damaged ({first_line(error)}); {_AGAIN}") from None
    if not matches:
        raise StapesError(f"the .tflite was changed after it was written (its digest differs); {_AGAIN}")
    return graph


def is_own(data: bytes) -> bool:
    """Whether stapes wrote a .tflite, so far as its first tables can be read."""
    try:
        return data[4:8] == FILE_IDENTIFIER and description_buffer(load_schema().Model.GetRootAs(data, 0)) is not None
    except BROKEN:
        return False


def description_buffer(model: Any) -> int | None:
    """The buffer that holds the description; None where the model has none."""
    for index in range(min(model.MetadataLength(), MOST_METADATA)):
        if text_of(model.Metadata(index).Name() or b"") == METADATA_NAME:
            return int(model.Metadata(index).Buffer())
    return None


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


def text_of(value: bytes | str) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else value


def _graph(schema: ModuleType, model: Any, description: _Description) -> Graph:
    (subgraph,) = model.subgraphs
    single = description.axis_of_single_scale
    tensors = [_tensor(schema, model, made, single.get(text_of(made.name))) for made in subgraph.tensors]
    names = [tensor.name for tensor in tensors]
    if len(set(names)) != len(names):
        raise ValueError("two tensors of one name")
    states = tuple(State(*pair) for pair in description.states)
    inputs = tuple(_at(names, i) for i in subgraph.inputs)
    outputs = tuple(_at(names, i) for i in subgraph.outputs)
    count_in, count_out = description.inputs, description.outputs
    if inputs[count_in:] != tuple(s.input for s in states) or outputs[count_out:] != tuple(s.output for s in states):
        raise ValueError("states do not match the inputs and outputs")
    return Graph(
        name=text_of(subgraph.name),
        tensors={tensor.name: tensor for tensor in tensors},
        operators=tuple(
            _operator(schema, model, made, extra, names)
            for made, extra in zip(subgraph.operators or [], description.operators, strict=True)
        ),
        inputs=inputs[:count_in],
        outputs=outputs[:count_out],
        states=states,
        regions=tuple(Region(r.name, r.kind, r.roles) for r in description.regions),
        metadata=description.metadata,
    )


def _at(names: list[str], index: int) -> str:
    if index < 0:
        raise ValueError(f"tensor {index}")
    return names[index]


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
        return Tensor(text_of(made.name), shape, dtype, data=data)
    scale = np.array(quantization.scale, np.float32)
    scale.flags.writeable = False
    zero_points = {int(value) for value in quantization.zeroPoint}
    if len(zero_points) != 1:
        raise ValueError("zero points differ within a tensor")
    axis = axis_of_single_scale if scale.size == 1 else int(quantization.quantizedDimension)
    return Tensor(text_of(made.name), shape, dtype, scale, zero_points.pop(), axis, data)


def _operator(schema: ModuleType, model: Any, made: Any, extra: _Operator, names: list[str]) -> Operator:
    code = model.operatorCodes[made.opcodeIndex]
    kind = enum_name(schema.BuiltinOperator, max(code.builtinCode, code.deprecatedBuiltinCode))
    if kind not in OPERATORS:
        raise ValueError(f"operator {kind}")
    given = extra.options
    table = options.decode(schema, kind, made.builtinOptionsType, made.builtinOptions)
    if not _same_options(table, {**options.defaults(schema, kind), **given}):
        raise ValueError(f"options of operator '{extra.name}' differ from their description")
    return Operator(
        kind=kind,
        name=extra.name,
        inputs=tuple("" if i == -1 else _at(names, i) for i in made.inputs),
        outputs=tuple(_at(names, i) for i in made.outputs),
        options=given,
        region=extra.region,
    )


def _same_options(table: dict[str, Any], given: dict[str, Any]) -> bool:
    """Whether the option table holds the described values; its floats have single precision."""
    return table.keys() == given.keys() and all(
        value == given[name] or (isinstance(value, float) and np.float32(given[name]) == np.float32(value))
        for name, value in table.items()
    )
