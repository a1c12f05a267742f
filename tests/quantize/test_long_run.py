"""A state that is far from its end when the calibration ends is told by its name; one that has settled is not."""

import numpy as np
import pytest
from onnx import helper
from stapes.quantize.long_run import TIMES, frames_to_run, leaves, room
from stapes.quantize.onnx_reader import check_model
from stapes.quantize.pipeline import quantise
from stapes.quantize.recipe import load_recipe

from tests.quantize.onnx_models import gru, make

FRAMES = 200


def mean_of_inputs(decay: float):
    """A running mean of x with a time constant of 1 / (1 - decay) frames, and what is made of it."""
    nodes = [
        helper.make_node("Mul", ["m_state", "decay"], ["kept"]),
        helper.make_node("Mul", ["x", "rest"], ["new"]),
        helper.make_node("Add", ["kept", "new"], ["m_state_out"]),
        helper.make_node("MatMul", ["m_state_out", "w"], ["level"]),
        helper.make_node("Tanh", ["level"], ["y"]),
    ]
    constants = {"decay": np.array(decay), "rest": np.array(1 - decay), "w": np.full((4, 4), 0.1)}
    shape = (1, 4)
    return make(nodes, {"x": shape, "m_state": shape}, {"y": shape, "m_state_out": shape}, constants)


def left_by(model, recipe="w8a16", frames=FRAMES):
    source = check_model(model, "m")
    rng = np.random.default_rng(0)
    data = [{"x": (1 + 0.3 * rng.standard_normal((frames, source.shapes["x"][-1]))).astype(np.float32)}]
    return leaves(quantise(source, load_recipe(recipe), data), data)


@pytest.mark.parametrize("recipe", ["w8a16", "w8a8"])
def test_a_slow_mean_is_named_with_what_it_reaches(recipe):
    left = left_by(mean_of_inputs(0.999), recipe)
    first = left[0]
    assert (first.tensor, first.is_state) == ("m_state_out", True)
    assert first.high < 0.4  # 1 - 0.999 ** 200 is 0.18, and int16 has room for twice that
    assert 0.8 < first.reached < 1.1
    assert FRAMES <= first.frame < 3 * FRAMES
    assert "state 'm_state_out' leaves its range" in first.told(FRAMES)
    # What the state feeds leaves its own range with it, and is told behind it.
    assert "kept" in [tensor.tensor for tensor in left[1:] if not tensor.is_state]


@pytest.mark.parametrize("model", [mean_of_inputs(0.9), gru(np.random.default_rng(1))])
def test_states_that_have_settled_are_not_told(model):
    assert left_by(model) == []


def test_a_mean_that_was_given_time_is_not_told():
    assert left_by(mean_of_inputs(0.99), frames=1_500) == []


def test_what_rounding_in_float_adds_to_a_bound_of_one_is_no_range_left():
    result = quantise(check_model(mean_of_inputs(0.9), "m"), load_recipe("w8a16"), [{"x": np.ones((9, 4), np.float32)}])
    low, high = room(result.graph.tensors["y"])  # tanh
    assert low < -1 - 1e-6 < 1 + 1e-6 < high < 1.002


def test_long_runs_end_in_time():
    lowered = quantise(
        check_model(gru(np.random.default_rng(1)), "m"), load_recipe("w8a16"), [{"x": np.ones((9, 12), np.float32)}]
    ).lowered
    few, many = ([{"x": np.zeros((count, 12), np.float32)}] for count in (50, 1_000_000))
    assert frames_to_run(lowered, few) == TIMES * 50
    assert frames_to_run(lowered, many) == 200_000
    lowered.states.clear()
    assert frames_to_run(lowered, few) == 0
