"""What calibration never heard is left out where a recipe asks for it: the rectifier, what works for it alone, its states."""

import numpy as np
import pytest
from onnx import helper
from stapes.firmware_sim.network import NetworkSimulator
from stapes.quantize.calibrate import calibrate
from stapes.quantize.graph import to_codes
from stapes.quantize.lowering import lower
from stapes.quantize.onnx_reader import check_model
from stapes.quantize.pipeline import assemble
from stapes.quantize.recipe import parse_recipe

from tests.quantize.onnx_models import make

node = helper.make_node
RNG = np.random.default_rng(2)
FRAMES = [{"x": RNG.normal(0, 1, (60, 6)).astype(np.float32)}]


def network(bias, seen_outside=False):
    """y = tanh(x M) + relu(average of the last two frames + bias), and the frame before as a state."""
    nodes = [
        node("MatMul", ["x", "m"], ["p"]),
        node("Tanh", ["p"], ["t"]),
        node("Concat", ["history", "x"], ["both"], axis=0),
        node("Slice", ["both", "one", "two", "zero"], ["history_out"]),
        node("ReduceMean", ["both", "zero"], ["mean"]),
        node("Add", ["mean", "b"], ["shifted"]),
        node("Relu", ["shifted"], ["silent"]),
        node("Add", ["t", "silent"], ["y"]),
    ]
    constants = {"m": RNG.normal(0, 0.5, (6, 6)), "b": np.array([bias]), "zero": np.array([0], np.int64)}
    constants |= {"one": np.array([1], np.int64), "two": np.array([2], np.int64)}
    outputs = {"y": (1, 6), "history_out": (1, 6)} | ({"silent": (1, 6)} if seen_outside else {})
    return check_model(make(nodes, {"x": (1, 6), "history": (1, 6)}, outputs, constants), "m")


def assembled(source, leave_out=True):
    lowered = lower(source)
    recipe = parse_recipe({"weights": {"leave_out_silent": leave_out}, "activations": {"dtype": "int16"}}, "r")
    return assemble(lowered, calibrate(lowered, FRAMES), recipe)


def test_a_rectifier_that_gives_only_zeros_goes_with_its_frames_and_the_output_stays():
    source = network(-9.0)
    whole, small = assembled(source, leave_out=False), assembled(source)
    assert whole.left_out == ()
    assert small.left_out == ("silent (gave only zeros in 60 frames of calibration)",)
    assert [s.input for s in whole.graph.states] == ["history"]
    assert small.graph.states == ()
    assert {op.kind for op in small.graph.operators} <= {"FULLY_CONNECTED", "TANH", "RESHAPE"}
    codes = [to_codes(g.graph.tensors["x"], FRAMES[0]["x"]) for g in (whole, small)]
    made = []
    for result, values in zip((whole, small), codes, strict=True):
        simulator = NetworkSimulator(result.graph, 1)
        out = [simulator.step({"x": row.reshape(1, 1, 6)})["y"].ravel() for row in values]
        made.append(np.array(out) * float(result.graph.tensors["y"].scale[0]))
    np.testing.assert_allclose(made[0], made[1], atol=1e-4)


@pytest.mark.parametrize(("bias", "outside"), [(0.0, False), (-9.0, True)])
def test_what_was_heard_or_is_an_output_stays(bias, outside):
    result = assembled(network(bias, outside))
    assert result.left_out == ()
    assert [s.input for s in result.graph.states] == ["history"]


def test_a_recipe_keeps_the_choice():
    recipe = parse_recipe({"weights": {"leave_out_silent": True}}, "r")
    assert "leave_out_silent = true" in recipe.to_toml()
    assert "leave_out_silent" not in parse_recipe({}, "r").to_toml()
