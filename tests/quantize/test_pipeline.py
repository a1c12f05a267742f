"""From ONNX to the integer graph: formats as the recipe says, constraints kept, overflow proved, same bytes."""

import math

import numpy as np
import pytest
from stapes.export.tflite import to_bytes
from stapes.firmware_sim.compare import snr_db
from stapes.firmware_sim.network import NetworkSimulator
from stapes.models.errors import StapesError
from stapes.quantize.calibrate import run_float
from stapes.quantize.onnx_reader import check_model
from stapes.quantize.pipeline import quantise
from stapes.quantize.proof import overflow_free, prove
from stapes.quantize.recipe import load_recipe, parse_recipe

from tests.quantize.onnx_models import gru

FRAMES = np.random.default_rng(7).normal(0, 1, (300, 12)).astype(np.float32)


def quantised(recipe, model=None, frames=FRAMES):
    source = check_model(model or gru(np.random.default_rng(3)), "m")
    chosen = load_recipe(recipe) if isinstance(recipe, str) else parse_recipe(recipe, "r")
    return quantise(source, chosen, [{name: frames for name in source.inputs}])


def simulate(graph, frames):
    (name,), (out,) = graph.inputs, graph.outputs
    x, y = graph.tensors[name], graph.tensors[out]
    codes = np.clip(np.round(frames / float(x.scale[0])) + x.zero_point, *x.limits).astype(np.int64)
    network = NetworkSimulator(graph, 1)
    rows = [network.step({name: frame.reshape(1, *x.shape)})[out].ravel() for frame in codes]
    return (np.array(rows) - y.zero_point) * float(y.scale[0])


@pytest.mark.parametrize(("recipe", "bound"), [("w8a8", 28.0), ("w8a16", 40.0), ("w8a16_cmsis_nn", 40.0)])
def test_the_integer_gru_follows_the_float_one(recipe, bound):
    model = gru(np.random.default_rng(3))
    source = check_model(model, "m")
    expected = run_float(model, source.states, [{"x": FRAMES}], ["y"])[0]["y"]
    got = simulate(quantised(recipe, model).graph, FRAMES)
    assert snr_db(expected, got) > bound


def test_patterns_that_match_no_tensor_are_known():
    patterns = ["@input", "gru0/*", "nothing*", "y", "z"]
    assert quantised({"tensor": [{"match": patterns, "dtype": "int16"}]}).unmatched == ("nothing*", "z")


@pytest.mark.parametrize("recipe", ["w8a8", "w8a16"])
def test_region_formats_are_those_that_make_fusing_exact(recipe):
    graph = quantised(recipe).graph
    roles = graph.regions[0].roles
    wide = recipe == "w8a16"
    expected = {
        "r": -15 if wide else -8,
        "z": -15 if wide else -8,
        "n": -15 if wide else -7,
        "h": -15 if wide else -7,
        "h_out": -15 if wide else -7,
        **({"d": -14, "zd": -14} if wide else {"zn": -7, "fresh": -7, "zh": -7}),
    }
    for role, exponent in expected.items():
        assert float(graph.tensors[roles[role]].scale[0]) == 2.0**exponent
    for state in graph.states:
        a, b = graph.tensors[state.input], graph.tensors[state.output]
        assert (a.scale, a.zero_point, a.dtype) == (b.scale, b.zero_point, b.dtype)
    if wide:
        for role in roles.values():
            if role != roles["x"]:
                assert math.frexp(float(graph.tensors[role].scale[0]))[0] == 0.5


def test_exceptions_of_the_recipe_reach_the_tensors_and_quantize_stands_where_formats_meet():
    graph = quantised({"activations": {"dtype": "int8"}, "tensor": [{"match": ["x"], "dtype": "int16"}]}).graph
    assert graph.tensors["x"].dtype == "int16"
    (convert,) = [op for op in graph.operators if op.kind == "QUANTIZE"]
    assert graph.regions[0].roles["x"] == convert.outputs[0]
    assert {graph.tensors[op.outputs[0]].dtype for op in graph.operators} == {"int8"}


def test_a_clip_narrows_int8_alone():
    def scale(dtype, clip):
        recipe = {"activations": {"dtype": dtype}, "tensor": [{"match": "x", "clip": clip}]}
        return float(quantised(recipe).graph.tensors["x"].scale[0])

    assert scale("int8", 0.5) == pytest.approx(0.5 * scale("int8", 1.0), rel=0.01)
    assert scale("int16", 0.5) == scale("int16", 1.0)


def test_a_region_is_of_one_dtype_even_when_only_one_tensor_is_named():
    graph = quantised({"activations": {"dtype": "int8"}, "tensor": [{"match": ["gru0/ar"], "dtype": "int16"}]}).graph
    inside = [graph.tensors[op.outputs[0]].dtype for op in graph.operators if op.region == "gru0"]
    assert set(inside) == {"int16"}


def test_conv_form_has_no_fully_connected_and_the_same_bits():
    plain, conv = quantised("w8a16").graph, quantised("w8a16_cmsis_nn").graph
    assert "FULLY_CONNECTED" not in {op.kind for op in conv.operators}
    assert {len(t.shape) for t in conv.activations} == {4}
    np.testing.assert_array_equal(simulate(plain, FRAMES), simulate(conv, FRAMES))


@pytest.mark.parametrize("recipe", ["w8a8", "w8a16"])
def test_bounds_hold_for_the_worst_input_there_is(recipe):
    """The proof's bound on a row is reached by the input that it is about."""
    graph = quantised(recipe).graph
    assert overflow_free(graph)
    rows = [b for b in prove(graph) if b.kind == "FULLY_CONNECTED" and b.what.startswith("accumulator")]
    for bound in rows:
        op = next(op for op in graph.operators if op.name == bound.operator)
        x, w, b = (graph.tensors[name] for name in op.inputs)
        row = w.data[bound.row].astype(np.int64)
        signs = np.sign(row) * (1 if b.data[bound.row] >= 0 else -1)
        reach = max(x.limits[1] - x.zero_point, x.zero_point - x.limits[0])
        worst = abs(int(row @ (signs * reach)) + int(b.data[bound.row]))
        assert worst == bound.largest


def test_the_same_input_gives_the_same_bytes():
    assert to_bytes(quantised("w8a16").graph) == to_bytes(quantised("w8a16").graph)


def test_calibration_without_frames_or_with_the_wrong_width_is_refused():
    with pytest.raises(StapesError, match="no frames"):
        quantised("w8a16", frames=FRAMES[:0])
    with pytest.raises(StapesError, match="needs 12 values a frame, the data has 5"):
        quantised("w8a16", frames=FRAMES[:, :5])
