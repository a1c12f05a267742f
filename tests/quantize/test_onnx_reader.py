"""The front door refuses what cannot become a streaming integer graph, in one line that names it."""

import numpy as np
import onnx
import pytest
from onnx import helper
from stapes.models.errors import StapesError
from stapes.quantize.onnx_reader import check_model, read_onnx

from tests.quantize.onnx_models import gru, make


def test_states_are_found_by_their_names():
    source = check_model(gru(np.random.default_rng(0)), "m")
    assert [(s.input, s.output) for s in source.states] == [("h", "h_out")]
    assert source.inputs == ("x",)
    assert source.outputs == ("y",)


@pytest.mark.parametrize(
    ("given", "made"), [("h_in", "h_out"), ("prev_h", "next_h"), ("cache", "cache_out"), ("in_h", "out_h")]
)
def test_common_spellings_of_states_are_understood(given, made):
    nodes = [helper.make_node("Add", ["x", given], [made]), helper.make_node("Relu", [made], ["y"])]
    model = make(nodes, {"x": (1, 4), given: (1, 4)}, {"y": (1, 4), made: (1, 4)})
    assert [(s.input, s.output) for s in check_model(model, "m").states] == [(given, made)]


def test_states_named_in_the_metadata_win():
    nodes = [helper.make_node("Add", ["x", "a"], ["b"]), helper.make_node("Relu", ["b"], ["y"])]
    model = make(nodes, {"x": (1, 4), "a": (1, 4)}, {"y": (1, 4), "b": (1, 4)})
    model.metadata_props.add(key="stapes.states", value='[["a", "b"]]')
    assert [(s.input, s.output) for s in check_model(model, "m").states] == [("a", "b")]


@pytest.mark.parametrize("value", ["no json", '[["a"]]', '[["x", "nowhere"]]'])
def test_wrong_metadata_is_refused(value):
    model = make([helper.make_node("Relu", ["x"], ["y"])], {"x": (1, 4)}, {"y": (1, 4)})
    model.metadata_props.add(key="stapes.states", value=value)
    with pytest.raises(StapesError, match="state"):
        check_model(model, "m")


def test_a_recurrent_model_without_states_is_refused():
    model = gru(np.random.default_rng(0))
    del model.graph.output[1]
    with pytest.raises(StapesError, match="without states"):
        check_model(model, "m")


@pytest.mark.parametrize(
    ("nodes", "given", "made", "said"),
    [
        ([helper.make_node("Add", ["x", "h"], ["h_out"])], ("x", "h"), ("h_out",), r"no output but states \(h_out\)"),
        ([helper.make_node("Relu", ["h"], ["h_out"]), helper.make_node("Abs", ["h"], ["y"])], ("h",), ("y", "h_out"), r"no input but states \(h\)"),
        ([helper.make_node("Relu", ["x"], ["y"])], ("x",), (), r"no output but states \(none at all\)"),
    ],
)  # fmt: skip
def test_a_network_that_takes_or_gives_nothing_but_states_is_refused(nodes, given, made, said):
    model = make(nodes, dict.fromkeys(given, (1, 4)), dict.fromkeys(made, (1, 4)))
    if "h" in given:
        model.metadata_props.add(key="stapes.states", value='[["h", "h_out"]]')
    with pytest.raises(StapesError, match=said):
        check_model(model, "m")


def test_a_dynamic_axis_is_refused_by_name():
    model = make([helper.make_node("Relu", ["x"], ["y"])], {"x": ("time", 4)}, {"y": (1, 4)})
    with pytest.raises(StapesError, match="axis 0 of 'x' is not fixed \\(time\\)"):
        check_model(model, "m")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_named(bad):
    model = make(
        [helper.make_node("Add", ["x", "w"], ["y"])], {"x": (1, 2)}, {"y": (1, 2)}, {"w": np.array([1.0, bad])}
    )
    with pytest.raises(StapesError, match="'w' holds NaN or infinity"):
        check_model(model, "m")


def test_files_that_are_no_onnx_are_refused(tmp_path):
    path = tmp_path / "model.onnx"
    with pytest.raises(StapesError, match="no such file"):
        read_onnx(path)
    path.write_bytes(b"not a model at all")
    with pytest.raises(StapesError, match="not a readable ONNX model"):
        read_onnx(path)
    onnx.save(gru(np.random.default_rng(0)), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StapesError, match="not a readable ONNX model"):
        read_onnx(path)
