"""The tables of a .tflite of any maker as plain records; nothing is judged here but whether the file holds together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from ....models.errors import StapesError
from ....models.text import first_line
from ....quantize.graph import DTYPES
from ....quantize.operators import OPERATORS
from .. import options
from ..proportion import require_proportion
from ..reader import BROKEN, text_of
from ..schema import FILE_IDENTIFIER, enum_name, load_schema

AGAIN = "convert it again"
# The converter joins the names of all layers that one tensor stands for, with semicolons.
LONGEST_NAME = 120


@dataclass(frozen=True, eq=False)
class FileTensor:
    """A tensor as it stands in the file. `dtype` is the schema's word in lower case; `data` is None for what is computed, and for
    constants of other types than DTYPES and float32 (`is_constant` tells).
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: np.ndarray | None
    zero_points: tuple[int, ...]
    axis: int
    is_constant: bool
    is_variable: bool
    data: np.ndarray | None

    @property
    def is_float(self) -> bool:
        return self.dtype.startswith(("float", "bfloat"))


@dataclass(frozen=True)
class FileOperator:
    """An operator as it stands in the file: `inputs` and `outputs` are places of tensors, -1 for one that is left out.

    `options`: by name, of the kinds that are read; None where the option table belongs to another operator.
    """

    place: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] | None = field(default_factory=dict)


@dataclass(frozen=True)
class FileGraph:
    """A subgraph of the file."""

    name: str
    tensors: tuple[FileTensor, ...]
    operators: tuple[FileOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class ForeignFile:
    """All subgraphs, the first of which is the network, and what its ends are called for a user: place of the tensor -> name."""

    graphs: tuple[FileGraph, ...]
    ends: Mapping[int, str]


def read_file(data: bytes) -> ForeignFile:
    """The records of a .tflite; raises StapesError for what is none, or is damaged."""
    if data[4:8] != FILE_IDENTIFIER:
        raise StapesError(
            "not a TensorFlow Lite model, whatever its name says; give a .tflite, or call the file what it is"
        )
    schema = load_schema()
    try:
        root = schema.Model.GetRootAs(data, 0)
        require_proportion(root, len(data))
        if not root.SubgraphsLength():
            raise ValueError("it has no subgraph")
        reading = _Reading(schema, root, len(data))
        graphs = tuple(reading.graph(root.Subgraphs(index)) for index in range(root.SubgraphsLength()))
        return ForeignFile(graphs, _ends(root))
    except BROKEN as error:
        raise StapesError(f"the .tflite is damaged ({first_line(error)}); {AGAIN}") from None


def _ends(root: Any) -> dict[int, str]:
    """What signatures call the ends of the first subgraph, where they agree."""
    names: dict[int, str] = {}
    for index in range(root.SignatureDefsLength()):
        signature = root.SignatureDefs(index)
        if signature.SubgraphIndex() != 0:
            continue
        for count, end in (
            (signature.InputsLength(), signature.Inputs),
            (signature.OutputsLength(), signature.Outputs),
        ):
            for place in range(count):
                names.setdefault(int(end(place).TensorIndex()), _name(end(place).Name()))
    return {place: name for place, name in names.items() if name}


def _name(value: bytes | None) -> str:
    # A zero ends a name in C, so that none can stand in one.
    return (value or b"").replace(b"\0", b"\xff").decode("utf-8", "replace").partition(";")[0][:LONGEST_NAME]


class _Reading:
    """One file that is read."""

    def __init__(self, schema: ModuleType, root: Any, size: int) -> None:
        self._schema, self._root = schema, root
        self._left = size  # of texts in options, which may all lie in one place
        self._data: dict[int, np.ndarray] = {}
        codes = (root.OperatorCodes(index) for index in range(root.OperatorCodesLength()))
        self._kinds = [self._kind(code) for code in codes]

    def _kind(self, code: Any) -> str:
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        try:
            kind = enum_name(self._schema.BuiltinOperator, number)
        except KeyError:
            return f"operator {number}"
        return f"custom operator {_name(code.CustomCode())!r}" if kind == "CUSTOM" else kind

    def graph(self, subgraph: Any) -> FileGraph:
        tensors = tuple(self._tensor(subgraph.Tensors(index)) for index in range(subgraph.TensorsLength()))

        def places(values: Any, least: int) -> tuple[int, ...]:
            found = _ints(values)
            if any(not least <= place < len(tensors) for place in found):
                raise ValueError("a tensor that is read or made is none of the file's")
            return found

        operators = []
        for place in range(subgraph.OperatorsLength()):
            operator = subgraph.Operators(place)
            kind = self._kinds[operator.OpcodeIndex()]
            inputs, outputs = places(operator.InputsAsNumpy(), -1), places(operator.OutputsAsNumpy(), 0)
            operators.append(FileOperator(place, kind, inputs, outputs, self._options(operator, kind)))
        ends = places(subgraph.InputsAsNumpy(), 0), places(subgraph.OutputsAsNumpy(), 0)
        return FileGraph(_name(subgraph.Name()), tensors, tuple(operators), *ends)

    def _tensor(self, tensor: Any) -> FileTensor:
        name = _name(tensor.Name())
        try:
            dtype = enum_name(self._schema.TensorType, tensor.Type()).lower()
        except KeyError:
            dtype = f"type {tensor.Type()}"
        shape = _ints(tensor.ShapeAsNumpy())
        if min(shape, default=0) < 0:
            raise ValueError(f"tensor {name!r} has the shape {shape[:8]}")
        buffer = self._buffer(tensor.Buffer())
        data = None
        if buffer.size and (dtype in DTYPES or dtype == "float32"):
            known = np.dtype(DTYPES.get(dtype, np.float32))
            # A view: many tensors may lie in one buffer.
            data = buffer.view(known.newbyteorder("<")).astype(known, copy=False).reshape(shape)
        scale, zero_points, axis = None, tuple[int, ...](), 0
        if (quantization := tensor.Quantization()) is not None and quantization.ScaleLength():
            scale = np.array(quantization.ScaleAsNumpy(), np.float32)
            scale.flags.writeable = False
            zero_points = tuple(dict.fromkeys(_ints(quantization.ZeroPointAsNumpy())))
            axis = int(quantization.QuantizedDimension())
        variable = bool(tensor.IsVariable())
        return FileTensor(name, shape, dtype, scale, zero_points, axis, bool(buffer.size), variable, data)

    def _buffer(self, place: int) -> np.ndarray:
        """The bytes of a buffer; none are those of a tensor that is computed."""
        if place not in self._data:
            buffer = self._root.Buffers(place) if place < self._root.BuffersLength() else None
            if buffer is None:
                raise ValueError("a tensor lies in a buffer that is not there")
            if buffer.Offset() > 1 or buffer.Size() > 1:
                raise ValueError("its weights stand behind the tables, as in files above 2 GB")
            self._data[place] = np.asarray(buffer.DataAsNumpy() if buffer.DataLength() else [], np.uint8)
        return self._data[place]

    def _options(self, operator: Any, kind: str) -> Mapping[str, Any] | None:
        """The options of an operator whose kind is read; {} for one that is not."""
        if kind not in OPERATORS and kind not in options.FOREIGN:
            return {}
        try:
            found = options.of_operator(self._schema, kind, operator)
        except (ValueError, LookupError):
            return None
        for name, value in found.items():
            if isinstance(value, bytes):
                self._left -= len(value)
                found[name] = text_of(value)
        if self._left < 0:
            raise ValueError("its tables lie over one another")
        return found


def _ints(values: Any) -> tuple[int, ...]:
    """The integers of a vector; generated code gives 0 for one that is not there."""
    return () if np.ndim(values) == 0 else tuple(int(value) for value in values)
