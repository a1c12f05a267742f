"""Formats of what a sigmoid or tanh bounds: kept through means, left where the values may go further."""

import numpy as np
import pytest
from onnx import helper
from stapes.quantize.calibrate import calibrate
from stapes.quantize.formats import Assigner, Format
from stapes.quantize.lowering import lower
from stapes.quantize.onnx_reader import check_model
from stapes.quantize.recipe import parse_recipe

from tests.quantize.onnx_models import make

node = helper.make_node
MEANS = np.array([[1.0, 0.0, 0.0], [0.25, 0.75, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 0.2]])


def formats(activation, matrix, dtype, bias=None):
    """bounded (1, 3) -> bands = bounded @ matrix.T -> y = [bounded | bands], and the format of y."""
    nodes = [node(activation, ["x"], ["bounded"]), node("MatMul", ["bounded", "w"], ["bands"])]
    constants = {"w": matrix.T}
    last = "bands"
    if bias is not None:
        nodes.append(node("Add", ["bands", "b"], ["moved"]))
        constants["b"], last = bias, "moved"
    nodes.append(node("Concat", ["bounded", last], ["y"], axis=1))
    model = make(nodes, {"x": (1, 3)}, {"y": (1, 3 + len(matrix))}, constants)
    lowered = lower(check_model(model, "m"))
    frames = np.random.default_rng(3).normal(0, 0.3, (50, 3)).astype(np.float32)
    seen = calibrate(lowered, [{"x": frames}])
    assigner = Assigner(lowered, parse_recipe({"activations": {"dtype": dtype}}, "t"), seen)
    return assigner.format("y"), assigner.format("bounded")


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("activation", ["Tanh", "Sigmoid"])
def test_a_mean_of_bounded_values_has_their_format(activation, dtype):
    mean, bounded = formats(activation, MEANS, dtype)
    assert mean == bounded
    assert mean.dtype == dtype
    assert mean.scale == {"int16": 2.0**-15, "int8": 2.0**-7 if activation == "Tanh" else 2.0**-8}[dtype]


@pytest.mark.parametrize(
    ("matrix", "bias"),
    [(1.25 * MEANS, None), (-MEANS, None), (MEANS, np.full(4, 0.5))],
    ids=["rows above one", "negative weights", "a bias"],
)
def test_what_may_leave_the_bounds_has_a_range_of_its_own(matrix, bias):
    own, bounded = formats("Tanh", matrix, "int16", bias)
    assert own != bounded
    assert isinstance(own, Format)
