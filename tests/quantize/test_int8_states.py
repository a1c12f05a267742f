"""GRU cells of int8 make their states so that one that moves slowly neither stalls nor drifts."""

import numpy as np
import pytest
from onnx import numpy_helper
from stapes.firmware_sim.compare import snr_db
from stapes.quantize.calibrate import run_float
from stapes.quantize.onnx_reader import check_model

from tests.quantize.onnx_models import gru
from tests.quantize.test_pipeline import FRAMES, quantised, simulate


def slow_gru(bias):
    """A GRU whose update gate is biased: with 3 a state keeps 95 % of itself each frame."""
    model = gru(np.random.default_rng(3))
    given = next(value for value in model.graph.initializer if value.name == "B")
    values = numpy_helper.to_array(given).copy()
    values[0, :8] += bias
    given.CopyFrom(numpy_helper.from_array(values, "B"))
    return model


@pytest.mark.parametrize(("bias", "bound"), [(1.0, 31.0), (2.0, 30.0), (3.0, 28.0), (4.0, 25.0)])
def test_states_that_move_slowly_follow_those_of_float(bias, bound):
    model = slow_gru(bias)
    source = check_model(model, "m")
    expected = run_float(model, source.states, [{"x": FRAMES}], ["y"])[0]["y"]
    assert snr_db(expected, simulate(quantised("w8a8", model).graph, FRAMES)) > bound


def test_int8_cells_end_in_two_products_and_int16_cells_as_they_were_lowered():
    ends = {}
    for recipe in ("w8a8", "w8a16"):
        graph = quantised(recipe).graph
        (region,) = graph.regions
        assert region.roles["h_out"] == graph.states[0].output
        assert all(any(op.name == name for op in graph.operators) for name in region.roles.values() if "/" in name)
        ends[recipe] = [op.kind for op in graph.in_region(region.name)][-4:]
    assert ends == {"w8a8": ["MUL", "SUB", "MUL", "ADD"], "w8a16": ["TANH", "SUB", "MUL", "ADD"]}
