"""Small .tflite files as other makers write them, without TensorFlow: what tests compare and what mutations change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np

from ...export.tflite import options
from ...export.tflite.schema import FILE_IDENTIFIER, load_schema
from ...quantize.graph import DTYPES
from ...quantize.operators import OPERATORS

_LSTM_INPUTS = 24
# Places of the operator's inputs: weights, recurrent weights and biases of the gates, its two states.
_WEIGHTS, _RECURRENT, _BIASES, _STATES = range(1, 5), range(5, 9), range(12, 16), (18, 19)


class FileMaker:
    """A model that grows, of one subgraph or several; the last one begun is added to."""

    def __init__(self) -> None:
        self.schema = load_schema()
        self.model = self.schema.ModelT()
        self.model.version = 3
        self.model.buffers, self.model.operatorCodes, self.model.subgraphs = [self.schema.BufferT()], [], []
        self.begin("main")

    def begin(self, name: str) -> int:
        """Another subgraph; returns its place."""
        self.graph = self.schema.SubGraphT()
        self.graph.name = name
        self.graph.tensors, self.graph.operators, self.graph.inputs, self.graph.outputs = [], [], [], []
        self.model.subgraphs.append(self.graph)
        return len(self.model.subgraphs) - 1

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str,
        scale: float | Sequence[float] | None = None,
        zero_point: int = 0,
        data: np.ndarray | None = None,
        variable: bool = False,
    ) -> int:
        """A tensor, a constant where it has data; returns its place."""
        made = self.schema.TensorT()
        made.name, made.shape, made.isVariable = name, list(shape), variable
        made.type = getattr(self.schema.TensorType, dtype.upper())
        made.buffer = 0
        if data is not None:
            buffer = self.schema.BufferT()
            buffer.data = np.frombuffer(np.asarray(data, DTYPES.get(dtype, np.float32)).tobytes(), np.uint8)
            made.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        if scale is not None:
            made.quantization = self.schema.QuantizationParametersT()
            made.quantization.scale = [float(value) for value in np.atleast_1d(scale)]
            made.quantization.zeroPoint = [zero_point] * len(made.quantization.scale)
        self.graph.tensors.append(made)
        return len(self.graph.tensors) - 1

    def integers(self, name: str, values: Sequence[int]) -> int:
        """A constant of a shape or axes."""
        return self.tensor(name, np.shape(values), "int32", data=np.asarray(values))

    def add(self, kind: str, inputs: Sequence[int], outputs: Sequence[int], **chosen: Any) -> None:
        """An operator; options by their names in snake case."""
        made = self.schema.OperatorT()
        made.opcodeIndex = self._code(kind)
        made.inputs, made.outputs = list(inputs), list(outputs)
        if kind in OPERATORS or kind in options.FOREIGN:
            made.builtinOptionsType, made.builtinOptions = options.encode(self.schema, kind, kind, chosen)
        self.graph.operators.append(made)

    def _code(self, kind: str) -> int:
        number = getattr(self.schema.BuiltinOperator, kind)
        for place, code in enumerate(self.model.operatorCodes):
            if code.builtinCode == number:
                return place
        code = self.schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1

    def bytes(self) -> bytes:
        return packed(self.model)


def packed(model: Any) -> bytes:
    """The bytes of a model of the schema's object API."""
    builder = flatbuffers.Builder(1 << 12)
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())


def unpacked(data: bytes) -> Any:
    """A model of the schema's object API from the bytes of a sound file."""
    return load_schema().ModelT.InitFromPackedBuf(data, 0)


def add_lstm(
    maker: FileMaker, x: int, shape: Sequence[int], dtype: str, size: int, rng: np.random.Generator, **settings: Any
) -> int:
    """UNIDIRECTIONAL_SEQUENCE_LSTM with random weights behind a tensor of `shape`; returns its output.

    settings: `cell_clip`, `time_major`, `cell_scale` (2^-11) and `scales`, those of input and hidden state.
    """
    h_scale = settings.get("scales", (0.02, 0.008))[1]
    zero = int(rng.integers(-40, 40)) if dtype == "int8" else 0
    bias_dtype = "int32" if dtype == "int8" else "int64"
    places = [-1] * _LSTM_INPUTS
    places[0] = x
    for group, depth in ((_WEIGHTS, shape[2]), (_RECURRENT, size)):
        for place in group:
            weights = rng.integers(-127, 128, (size, depth))
            places[place] = maker.tensor(
                f"w{place}", (size, depth), "int8", float(rng.uniform(0.002, 0.006)), data=weights
            )
    for place in _BIASES:
        values = rng.integers(-9000, 9000, size)
        places[place] = maker.tensor(f"b{place}", (size,), bias_dtype, 0.0001, data=values)
    formats = ((dtype, h_scale, zero), ("int16", settings.get("cell_scale", 2.0**-11), 0))
    for place, (state, scale, point) in zip(_STATES, formats, strict=True):
        places[place] = maker.tensor(f"s{place}", (1, size), state, scale, point, variable=True)
    y = maker.tensor("lstm", (*shape[:2], size), dtype, h_scale, zero)
    table = {name: settings[name] for name in ("cell_clip", "time_major") if name in settings}
    maker.add("UNIDIRECTIONAL_SEQUENCE_LSTM", places, [y], fused_activation_function="TANH", **table)
    return y


def lstm_file(dtype: str, steps: int, seed: int, **settings: Any) -> bytes:
    """One LSTM of 5 units over `steps` positions of 6 values; `settings` as `add_lstm` has them."""
    rng, maker = np.random.default_rng(seed), FileMaker()
    shape = (steps, 1, 6) if settings.get("time_major") else (1, steps, 6)
    zero = int(rng.integers(-100, 100)) if dtype == "int8" else 0
    x = maker.tensor("x", shape, dtype, settings.get("scales", (0.02, 0.008))[0], zero)
    maker.graph.inputs, maker.graph.outputs = [x], [add_lstm(maker, x, shape, dtype, 5, rng, **settings)]
    return maker.bytes()


def mixed_file(seed: int = 0, changes: Mapping[str, Any] | None = None) -> bytes:
    """A float input, a history in a variable that begins at zeros, a convolution, an LSTM, a state by a pair and a float output.

    changes: `first`, the first values of the history, else zeros.
    """
    rng, maker = np.random.default_rng(seed), FileMaker()
    real: dict[str, Any] = {"scale": 0.02, "zero_point": -5}
    x = maker.tensor("x", (1, 1, 8), "float32")
    codes = maker.tensor("codes", (1, 1, 8), "int8", **real)
    h = maker.tensor("h", (1, 6), "int8", 0.01, 3)
    maker.add("QUANTIZE", [x], [codes])
    maker.add("CALL_ONCE", [], [], init_subgraph_index=1)
    handle, past = maker.tensor("past", (), "resource"), maker.tensor("read", (1, 3, 8), "int8", **real)
    maker.add("VAR_HANDLE", [], [handle], shared_name="past")
    maker.add("READ_VARIABLE", [handle], [past])
    frames, image = (maker.tensor(n, s, "int8", **real) for n, s in (("frames", (1, 4, 8)), ("image", (1, 1, 4, 8))))
    maker.add("CONCATENATION", [past, codes], [frames], axis=1)
    maker.add("EXPAND_DIMS", [frames, maker.integers("axis", [1])], [image])
    kernel = maker.tensor("kernel", (6, 1, 4, 8), "int8", 0.004, data=rng.integers(-127, 128, (6, 1, 4, 8)))
    bias = maker.tensor("bias", (6,), "int32", 0.00008, data=rng.integers(-500, 500, 6))
    seen = maker.tensor("seen", (1, 1, 1, 6), "int8", 0.02, -128)
    window: dict[str, Any] = {"padding": "VALID", "stride_h": 1, "stride_w": 1}
    maker.add("CONV_2D", [image, kernel, bias], [seen], fused_activation_function="RELU6", **window)
    later = maker.tensor("later", (1, 3, 8), "int8", **real)
    ends = [maker.integers(n, v) for n, v in (("begin", [0, 1, 0]), ("size", [1, 3, 8]))]
    maker.add("SLICE", [frames, *ends], [later])
    maker.add("ASSIGN_VARIABLE", [handle, later], [])
    row = maker.tensor("row", (1, 1, 6), "int8", 0.02, -128)
    maker.add("SQUEEZE", [seen], [row], squeeze_dims=[1])
    y = add_lstm(maker, row, (1, 1, 6), "int8", 6, rng, cell_clip=10.0)
    flat = maker.tensor("flat", (1, 6), "int8", 0.008, maker.graph.tensors[y].quantization.zeroPoint[0])
    maker.add("UNPACK", [y], [flat], axis=0, num=1)
    mean = maker.tensor("mean", (1, 6), "int8", 0.009, 2)
    maker.add("ADD", [flat, h], [mean])
    out = maker.tensor("y", (1, 6), "float32")
    maker.add("DEQUANTIZE", [flat], [out])
    maker.graph.inputs, maker.graph.outputs = [x, h], [out, mean]
    maker.begin("first")
    values = (changes or {}).get("first", np.full((1, 3, 8), -5))
    first = [maker.tensor("again", (), "resource"), maker.tensor("zeros", (1, 3, 8), "int8", **real, data=values)]
    maker.add("VAR_HANDLE", [], first[:1], shared_name="past")
    maker.add("ASSIGN_VARIABLE", first, [])
    return maker.bytes()
