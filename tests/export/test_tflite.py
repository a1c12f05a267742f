"""A .tflite holds the whole integer graph, and nothing else is taken for one."""

from __future__ import annotations

import dataclasses
import importlib
import struct
from pathlib import Path

import numpy as np
import pytest
from stapes.export.tflite import from_bytes, read, schema, to_bytes, write
from stapes.export.tflite.schema import load_schema
from stapes.models.errors import StapesError
from stapes.quantize.graph import Graph, Operator, Region, State, Tensor
from stapes.quantize.prepare import PREPARE, prepare


def _scale(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def _constant(name: str, data: object, dtype: str = "int32", scale: np.ndarray | None = None, axis=None) -> Tensor:
    array = np.array(data, dtype)
    return Tensor(name, array.shape, dtype, scale, 0, axis, array)


def full_graph(seed: int = 0) -> Graph:
    """A graph with every operator, option form and feature of the format."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(-127, 128, (6, 8)).astype(np.int8)
    weight_scale = rng.uniform(0.002, 0.004, 6).astype(np.float32)
    kernel = rng.integers(-127, 128, (4, 1, 3, 2)).astype(np.int8)
    kernels = rng.integers(-127, 128, (1, 2, 1, 4)).astype(np.int8)
    s15 = _scale(2.0**-15)
    q8 = {"scale": _scale(0.05), "zero_point": -7}
    q16 = {"scale": _scale(2.0**-12)}
    activations = [
        Tensor("x", (1, 8), "int8", **q8),
        Tensor("image", (1, 3, 5, 2), "int16", **q16),
        Tensor("h", (1, 6), "int8", **q8),
        Tensor("y", (1, 6), "int8", **q8),
        Tensor("y_same", (1, 6), "int8", **q8),
        Tensor("sum", (1, 6), "int8", **q8),
        Tensor("difference", (1, 6), "int8", **q8),
        Tensor("product", (1, 6), "int8", **q8),
        Tensor("gate", (1, 6), "int8", _scale(2.0**-8), -128),
        Tensor("wide", (1, 6), "int16", **q16),
        Tensor("bent", (1, 6), "int16", s15),
        Tensor("rectified", (1, 6), "int16", **q16),
        Tensor("leaky", (1, 6), "int16", **q16),
        Tensor("positive", (1, 6), "int16", **q16),
        Tensor("mean", (1, 1), "int16", **q16),
        Tensor("places", (1, 6), "int32", _scale(2.0**-8), 0),
        Tensor("found", (1, 6), "int8", _scale(0.05)),
        Tensor("largest", (1, 2, 2, 2), "int16", **q16),
        Tensor("energy", (1, 1), "int16", **q16),
        Tensor("filtered", (1, 3, 5, 4), "int16", **q16),
        Tensor("smoothed", (1, 2, 3, 4), "int16", **q16),
        Tensor("left", (1, 3, 5, 2), "int16", **q16),
        Tensor("right", (1, 3, 5, 2), "int16", **q16),
        Tensor("both", (1, 3, 5, 4), "int16", **q16),
        Tensor("turned", (1, 5, 3, 4), "int16", **q16),
        Tensor("cut", (1, 2, 3, 4), "int16", **q16),
        Tensor("strided", (2, 2, 4), "int16", **q16),
        Tensor("padded", (2, 3, 4), "int16", **q16),
        Tensor("flat", (1, 24), "int16", **q16),
    ]
    constants = [
        _constant("weights", weights, "int8", weight_scale, 0),
        _constant("weights_again", weights, "int8", _scale(0.003)),
        _constant("one_channel", weights[:1], "int8", _scale(0.003), 0),
        _constant("bias", rng.integers(-999, 999, 6), "int32", weight_scale * np.float32(0.05), 0),
        _constant("kernel", kernel, "int8", _scale(0.003, 0.002, 0.001, 0.004), 0),
        _constant("wide_bias", [5, -7, 2**40 // 2**12, 0], "int64", _scale(1e-6, 2e-6, 3e-6, 4e-6), 0),
        _constant("kernels", kernels, "int8", _scale(0.003, 0.002, 0.001, 0.004), 3),
        _constant("axes", [1]),
        _constant("table", rng.integers(-128, 128, 256), "int8", _scale(0.05)),
        _constant("split_axis", 3),
        _constant("permutation", [0, 2, 1, 3]),
        _constant("begin", [0, 1, 0, 0]),
        _constant("size", [1, 2, 3, -1]),
        _constant("begin_2", [0, 0, -1, 0]),
        _constant("end_2", [1, 2, -4, 4]),
        _constant("stride_2", [1, 1, -2, 1]),
        _constant("paddings", [[0, 0], [0, 1], [0, 0]]),
        _constant("shape", [1, 24]),
    ]
    none = {"fused_activation_function": "NONE"}
    strided = {"begin_mask": 0, "end_mask": 0, "ellipsis_mask": 0, "new_axis_mask": 0, "shrink_axis_mask": 1}
    operators = (
        Operator("FULLY_CONNECTED", "layer", ("x", "weights", "bias"), ("y",), {"fused_activation_function": "RELU"}),
        Operator("FULLY_CONNECTED", "layer_2", ("x", "weights_again", ""), ("y_same",), {}),
        Operator("ADD", "cell/sum", ("y", "h"), ("sum",), {**none, "pot_scale_int16": False}, "cell"),
        Operator("SUB", "cell/difference", ("sum", "y_same"), ("difference",), none, "cell"),
        Operator("MUL", "cell/product", ("difference", "y"), ("product",), none, "cell"),
        Operator("LOGISTIC", "gate", ("product",), ("gate",)),
        Operator("QUANTIZE", "widen", ("product",), ("wide",)),
        Operator("TANH", "bend", ("wide",), ("bent",)),
        Operator("RELU", "rectify", ("wide",), ("rectified",)),
        Operator("LEAKY_RELU", "leak", ("wide",), ("leaky",), {"alpha": 0.01}),
        Operator("ABS", "positive", ("wide",), ("positive",)),
        Operator("MEAN", "mean", ("leaky", "axes"), ("mean",), {"keep_dims": True}),
        Operator("QUANTIZE", "place", ("gate",), ("places",)),
        Operator("GATHER", "find", ("table", "places"), ("found",), {"axis": 0}),
        Operator(
            "MAX_POOL_2D",
            "most",
            ("image",),
            ("largest",),
            {**none, "padding": "VALID", "stride_h": 1, "stride_w": 2, "filter_height": 2, "filter_width": 3},
        ),
        Operator(
            "CONV_2D",
            "filter",
            ("image", "kernel", "wide_bias"),
            ("filtered",),
            {**none, "padding": "SAME", "stride_h": 1, "stride_w": 1, "dilation_h_factor": 1, "dilation_w_factor": 2},
        ),
        Operator(
            "DEPTHWISE_CONV_2D",
            "smooth",
            ("filtered", "kernels", "wide_bias"),
            ("smoothed",),
            {**none, "padding": "VALID", "stride_h": 1, "stride_w": 2, "dilation_h_factor": 1, "depth_multiplier": 1},
        ),
        Operator("SPLIT", "split", ("split_axis", "filtered"), ("left", "right"), {"num_splits": 2}),
        Operator("CONCATENATION", "join", ("right", "left"), ("both",), {"axis": -1, **none}),
        Operator("TRANSPOSE", "turn", ("both", "permutation"), ("turned",)),
        Operator("SLICE", "cut", ("turned", "begin", "size"), ("cut",)),
        Operator("STRIDED_SLICE", "stride", ("cut", "begin_2", "end_2", "stride_2"), ("strided",), strided),
        Operator("BATCH_MATMUL", "energy", ("wide", "wide"), ("energy",), {"adj_x": False, "adj_y": True}),
        Operator("PAD", "pad", ("strided", "paddings"), ("padded",)),
        Operator("RESHAPE", "flatten", ("padded", "shape"), ("flat",), {"new_shape": [1, 24]}),
    )
    return Graph(
        name="all features",
        tensors={tensor.name: tensor for tensor in (*activations, *constants)},
        operators=operators,
        inputs=("x", "image"),
        outputs=("gate", "flat", "mean"),
        states=(State("h", "product"),),
        regions=(Region("cell", "gru", {"x": "y", "h_out": "product"}),),
        metadata={"recipe": 'w8a16 "mixed"\n', "version": "1"},
    )


def _same_array(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    if a is None or b is None:
        return a is b
    return a.dtype == b.dtype and a.shape == b.shape and bool(np.array_equal(a, b))


def assert_same_graph(a: Graph, b: Graph) -> None:
    """Equal in everything that a graph holds, order included."""
    for name in ("name", "operators", "inputs", "outputs", "states", "regions", "metadata"):
        assert getattr(a, name) == getattr(b, name), name
    assert list(a.tensors) == list(b.tensors)
    for x, y in zip(a.tensors.values(), b.tensors.values(), strict=True):
        assert (x.name, x.shape, x.dtype, x.zero_point, x.axis) == (y.name, y.shape, y.dtype, y.zero_point, y.axis)
        assert _same_array(x.scale, y.scale), x.name
        assert _same_array(x.data, y.data), x.name


def test_the_example_has_every_operator_and_every_one_is_valid():
    graph = full_graph()
    assert {op.kind for op in graph.operators} == set(PREPARE)
    for op in graph.operators:
        prepare(graph, op)


def test_a_graph_comes_back_as_it_was():
    graph = full_graph()
    assert_same_graph(graph, from_bytes(to_bytes(graph)))


def test_bytes_come_back_as_they_were():
    data = to_bytes(full_graph())
    assert to_bytes(from_bytes(data)) == data


def test_the_same_graph_gives_the_same_bytes_and_another_one_others():
    assert to_bytes(full_graph(1)) == to_bytes(full_graph(1))
    assert to_bytes(full_graph(1)) != to_bytes(full_graph(2))


def test_both_schema_packages_write_the_same_bytes(monkeypatch):
    pytest.importorskip("ai_edge_litert", reason="ai_edge_litert is not installed")
    pytest.importorskip("tflite_micro", reason="tflite_micro is not installed")
    data = to_bytes(full_graph())
    monkeypatch.setattr(schema, "_MODULES", ("ai_edge_litert.schema_py_generated",))
    assert load_schema().__name__.startswith("ai_edge_litert")
    assert to_bytes(full_graph()) == data
    assert_same_graph(from_bytes(data), full_graph())


def test_without_a_schema_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(schema, "_MODULES", ("no_such_package",))
    with pytest.raises(StapesError, match="pip install"):
        to_bytes(full_graph())


def test_equal_constants_share_a_buffer_and_every_buffer_is_aligned():
    data = to_bytes(full_graph())
    model = load_schema().Model.GetRootAs(data, 0)
    tensors = {model.Subgraphs(0).Tensors(i).Name().decode(): model.Subgraphs(0).Tensors(i) for i in range(41)}
    assert tensors["weights"].Buffer() == tensors["weights_again"].Buffer() != tensors["one_channel"].Buffer()
    assert model.Buffers(0).DataIsNone()
    for number in range(1, model.BuffersLength()):
        content = model.Buffers(number).DataAsNumpy()
        start = content.__array_interface__["data"][0] - np.frombuffer(data, np.uint8).__array_interface__["data"][0]
        assert start % 16 == 0


def test_states_stand_behind_the_inputs_and_outputs():
    model = load_schema().Model.GetRootAs(to_bytes(full_graph()), 0)
    subgraph = model.Subgraphs(0)
    names = [subgraph.Tensors(i).Name().decode() for i in range(subgraph.TensorsLength())]
    assert [names[i] for i in subgraph.InputsAsNumpy()] == ["x", "image", "h"]
    assert [names[i] for i in subgraph.OutputsAsNumpy()] == ["gate", "flat", "mean", "product"]


def test_the_stock_interpreters_run_it():
    runtime = pytest.importorskip("tflite_micro", reason="tflite_micro is not installed").runtime
    interpreter = runtime.Interpreter.from_bytes(to_bytes(full_graph()), arena_size=1 << 16)
    for index, (shape, dtype) in enumerate([((1, 8), np.int8), ((1, 3, 5, 2), np.int16), ((1, 6), np.int8)]):
        interpreter.set_input(np.zeros(shape, dtype), index)
    interpreter.invoke()
    assert [interpreter.get_output(i).shape for i in range(4)] == [(1, 6), (1, 24), (1, 1), (1, 6)]


def test_litert_accepts_the_operator_versions():
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="ai_edge_litert is not installed")
    # LiteRT has no ABS with another scale and no reversed strides in int16, so the graph is only loaded.
    litert.Interpreter(model_content=to_bytes(full_graph()))


def test_a_file_is_written_whole_and_read_back(tmp_path: Path):
    write(full_graph(), tmp_path / "model.tflite")
    assert_same_graph(read(tmp_path / "model.tflite"), full_graph())
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.tflite"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path):
    with pytest.raises(StapesError, match=r"missing/model\.tflite"):
        write(full_graph(), tmp_path / "missing" / "model.tflite")


@pytest.mark.parametrize("content", [b"", b"TFL3", b"RIFF----WAVEfmt ", bytes(range(256)) * 8, b"\x00" * 4 + b"TFL3"])
def test_garbage_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "model.tflite").write_bytes(content)
    with pytest.raises(StapesError, match=r"model\.tflite"):
        read(tmp_path / "model.tflite")


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(StapesError, match=r"no\.tflite"):
        read(tmp_path / "no.tflite")


def test_a_truncated_file_is_refused_wherever_it_was_cut():
    data = to_bytes(full_graph())
    for end in {*range(0, len(data), 41), *range(len(data) - 40, len(data))}:
        with pytest.raises(StapesError):
            from_bytes(data[:end])


def test_a_changed_byte_never_gives_another_graph():
    data = to_bytes(full_graph())
    rng = np.random.default_rng(3)
    refused = 0
    for position in rng.integers(0, len(data), 300):
        changed = bytearray(data)
        changed[position] ^= int(rng.integers(1, 256))
        try:
            assert_same_graph(from_bytes(bytes(changed)), full_graph())
        except StapesError:
            refused += 1
    assert refused > 150


def test_a_changed_weight_is_refused():
    graph = full_graph()
    data = to_bytes(graph)
    weights = graph.tensors["weights"].data
    assert weights is not None
    start = data.index(weights.tobytes())
    with pytest.raises(StapesError, match="changed"):
        from_bytes(data[:start] + struct.pack("b", int(weights[0, 0]) // 2 + 1) + data[start + 1 :])


def test_the_model_of_another_maker_is_refused():
    package = pytest.importorskip("tflite_micro", reason="tflite_micro is not installed")
    sine = Path(str(package.__file__)).parent / "python" / "tflite_micro" / "sine_float.tflite"
    with pytest.raises(StapesError, match="not written by stapes"):
        read(sine)


def _with_tensor(graph: Graph, name: str, /, **changes: object) -> Graph:
    return dataclasses.replace(
        graph, tensors={**graph.tensors, name: dataclasses.replace(graph.tensors[name], **changes)}
    )


def _with_operator(graph: Graph, index: int, /, **changes: object) -> Graph:
    operators = list(graph.operators)
    operators[index] = dataclasses.replace(operators[index], **changes)
    return dataclasses.replace(graph, operators=tuple(operators))


@pytest.mark.parametrize(
    ("graph", "names"),
    [
        (_with_operator(full_graph(), 0, kind="SOFTMAX"), "SOFTMAX"),
        (_with_operator(full_graph(), 0, options={"colour": 3}), "colour"),
        (_with_operator(full_graph(), 0, options={"fused_activation_function": "ROOF"}), "ROOF"),
        (_with_operator(full_graph(), 0, inputs=("x", "nothing")), "nothing"),
        (_with_operator(full_graph(), 0, outputs=("bias",)), "int32"),
        (_with_operator(full_graph(), 5, options={"axis": 1}), "axis"),
        (_with_tensor(full_graph(), "x", dtype="float32"), "float32"),
        (_with_tensor(full_graph(), "x", name="z"), "'z'"),
        (_with_tensor(full_graph(), "x", scale=None), "zero point"),
        (_with_tensor(full_graph(), "x", scale=np.array([0.1])), "float32"),
        (_with_tensor(full_graph(), "x", scale=_scale(1, 2)), "2 scales"),
        (_with_tensor(full_graph(), "weights", data=np.zeros((6, 8), np.int16)), "int16"),
        (_with_tensor(full_graph(), "weights", data=np.zeros((8, 6), np.int8)), "shape"),
        (dataclasses.replace(full_graph(), inputs=("gone",)), "gone"),
    ],
)
def test_a_graph_that_the_format_cannot_hold_is_refused_with_its_name(graph: Graph, names: str):
    with pytest.raises(StapesError, match=names):
        to_bytes(graph)


def test_importing_the_writer_needs_no_schema_package():
    assert importlib.import_module("stapes.export.tflite.writer").BUFFER_ALIGNMENT == 16
