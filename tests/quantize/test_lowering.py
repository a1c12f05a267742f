"""Lowering keeps the numbers: the lowered float graph equals the ONNX model in onnxruntime, operator by operator."""

import numpy as np
import pytest
from onnx import helper

from models.errors import StapesError
from quantize.calibrate import run_float
from quantize.float_onnx import to_onnx
from quantize.lowering import lower
from quantize.onnx_reader import check_model
from tests.quantize.onnx_models import gru, make

node = helper.make_node
RNG = np.random.default_rng(5)


def both(model, frames=20, scale=1.0):
    """Outputs of the ONNX model and of the lowered graph over random frames, side by side."""
    source = check_model(model, "m")
    lowered = lower(source)
    rng = np.random.default_rng(1)
    sizes = {name: int(np.prod(source.shapes[name])) for name in source.inputs}
    sequence = {name: (scale * rng.normal(0, 1, (frames, size))).astype(np.float32) for name, size in sizes.items()}
    names = [*source.outputs, *(s.output for s in source.states)]
    return (
        run_float(model, source.states, [sequence], names)[0],
        run_float(to_onnx(lowered), lowered.states, [sequence], names)[0],
        lowered,
    )


def ints(*values):
    return np.array(values, np.int64)


CASES = {
    "Gemm": ([node("Gemm", ["x", "w", "b"], ["y"], transB=1, alpha=0.5, beta=2.0)], (1, 6), (1, 3), {"w": RNG.normal(size=(3, 6)), "b": RNG.normal(size=3)}),
    "MatMul and bias": ([node("MatMul", ["x", "w"], ["p"]), node("Add", ["b", "p"], ["y"])], (1, 1, 6), (1, 1, 3), {"w": RNG.normal(size=(6, 3)), "b": RNG.normal(size=3)}),
    "Gemm and Relu": ([node("Gemm", ["x", "w"], ["p"]), node("Relu", ["p"], ["y"])], (1, 6), (1, 3), {"w": RNG.normal(size=(6, 3))}),
    "two rows": ([node("MatMul", ["x", "w"], ["y"])], (1, 4, 6), (1, 4, 3), {"w": RNG.normal(size=(6, 3))}),
    "Sub from constant": ([node("Sub", ["c", "x"], ["y"])], (1, 6), (1, 6), {"c": RNG.normal(size=6)}),
    "Mul by itself": ([node("Mul", ["x", "x"], ["y"])], (1, 6), (1, 6), {}),
    "Div": ([node("Div", ["x", "c"], ["y"])], (1, 6), (1, 6), {"c": np.array([3.0])}),
    "LeakyRelu": ([node("LeakyRelu", ["x"], ["y"], alpha=-0.3)], (1, 6), (1, 6), {}),
    "Split": ([node("Split", ["x", "s"], ["a", "b"], axis=1), node("Mul", ["a", "b"], ["y"])], (1, 6), (1, 3), {"s": ints(3, 3)}),
    "Slice": ([node("Slice", ["x", "b", "e", "a", "t"], ["y"])], (1, 9), (1, 4), {"b": ints(1), "e": ints(2**40), "a": ints(-1), "t": ints(2)}),
    "Gather": ([node("Gather", ["x", "i"], ["y"], axis=1)], (1, 3, 5), (1, 5), {"i": np.array(-1, np.int64)}),
    "Concat": ([node("Relu", ["x"], ["r"]), node("Concat", ["x", "r", "x"], ["y"], axis=-1)], (1, 1, 4), (1, 1, 12), {}),
    "Concat of new axis": ([node("Relu", ["x"], ["r"]), node("Concat", ["x", "r"], ["y"], axis=0)], (1, 1, 4), (2, 1, 4), {}),
    "Transpose of unit axes": ([node("Transpose", ["x"], ["t"], perm=[1, 0, 2]), node("Relu", ["t"], ["y"])], (1, 1, 4), (1, 1, 4), {}),
    "Transpose": ([node("Transpose", ["x"], ["y"], perm=[0, 2, 1])], (1, 3, 4), (1, 4, 3), {}),
    "Reshape": ([node("Reshape", ["x", "s"], ["t"]), node("Tanh", ["t"], ["y"])], (1, 12), (1, 3, 4), {"s": ints(1, 3, -1)}),
    "Flatten": ([node("Flatten", ["x"], ["t"]), node("Sigmoid", ["t"], ["y"])], (1, 3, 4), (1, 12), {}),
    "output is the input": ([node("Identity", ["x"], ["y"])], (1, 4), (1, 4), {}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_operator_keeps_its_numbers(case):
    nodes, given, made, constants = CASES[case]
    expected, got, _ = both(make(nodes, {"x": given}, {"y": made}, constants))
    np.testing.assert_allclose(got["y"], expected["y"], rtol=1e-5, atol=1e-6)


def test_gru_becomes_a_region_that_keeps_its_numbers_over_time():
    expected, got, lowered = both(gru(np.random.default_rng(3)), frames=200)
    np.testing.assert_allclose(got["y"], expected["y"], atol=2e-6)
    np.testing.assert_allclose(got["h_out"], expected["h_out"], atol=2e-6)
    (region,) = lowered.regions
    assert region.kind == "gru"
    assert region.roles["h_out"] == "h_out"
    assert {op.region for op in lowered.operators if op.kind == "FULLY_CONNECTED"} == {region.name}


def test_stacked_states_are_taken_apart_and_put_together():
    rng = np.random.default_rng(4)
    weights = {
        f"{k}{i}": rng.normal(0, 0.4, s)
        for i in range(2)
        for k, s in (("W", (1, 24, 8)), ("R", (1, 24, 8)), ("B", (1, 48)))
    }
    nodes = [
        node("Split", ["h", "halves"], ["h0", "h1"], axis=0),
        node("GRU", ["x", "W0", "R0", "B0", "", "h0"], ["Y0", "n0"], hidden_size=8, linear_before_reset=1),
        node("Squeeze", ["Y0", "axes"], ["x1"]),
        node("GRU", ["x1", "W1", "R1", "B1", "", "h1"], ["Y1", "n1"], hidden_size=8, linear_before_reset=1),
        node("Squeeze", ["Y1", "axes"], ["y"]),
        node("Concat", ["n0", "n1"], ["h_out"], axis=0),
    ]
    shapes = {"x": (1, 1, 8), "h": (2, 1, 8)}
    model = make(
        nodes, shapes, {"y": (1, 1, 8), "h_out": (2, 1, 8)}, {**weights, "halves": ints(1, 1), "axes": ints(1)}
    )
    expected, got, _ = both(model, frames=100)
    np.testing.assert_allclose(got["y"], expected["y"], atol=2e-6)
    np.testing.assert_allclose(got["h_out"], expected["h_out"], atol=2e-6)


@pytest.mark.parametrize("scale", [10.0, 1.0, 0.1, 0.01, 0.001])
@pytest.mark.parametrize("size", [5, 65, 130])
def test_layer_norm_of_tanh_and_newton_is_the_layer_norm(scale, size):
    rng = np.random.default_rng(size)
    constants = {"g": rng.normal(1, 0.3, size), "b": rng.normal(0, 0.3, size)}
    nodes = [node("LayerNormalization", ["x", "g", "b"], ["y"], epsilon=1e-5)]
    expected, got, lowered = both(make(nodes, {"x": (1, size)}, {"y": (1, size)}, constants), scale=scale)
    assert lowered.regions[0].kind == "layer_norm"
    error = np.sqrt(np.mean((got["y"] - expected["y"]) ** 2) / np.mean(expected["y"] ** 2))
    assert error < 5e-4


def test_every_node_that_cannot_be_lowered_is_listed_in_one_error():
    nodes = [
        node("Softmax", ["x"], ["a"], name="first"),
        node("MatMul", ["a", "a"], ["b"], name="second"),
        node("GRU", ["b", "W", "R", "B", "", "h"], ["Y", "h_out"], name="third", hidden_size=1, linear_before_reset=0),
        node("Erf", ["Y"], ["y"], name="fourth"),
    ]
    constants = {"W": np.ones((1, 3, 1)), "R": np.ones((1, 3, 1)), "B": np.ones((1, 6))}
    model = make(nodes, {"x": (1, 1, 1), "h": (1, 1, 1)}, {"y": (1, 1, 1, 1), "h_out": (1, 1, 1)}, constants)
    with pytest.raises(StapesError) as caught:
        lower(check_model(model, "m"))
    message = str(caught.value)
    for part in (
        "Softmax (first)",
        "MatMul (second): the second input is not a constant",
        "GRU (third): linear_before_reset",
        "Erf (fourth)",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"direction": "reverse"}, "direction"),
        ({"clip": 1.0}, "clip"),
        ({"activations": ["Sigmoid", "Relu"]}, "activations"),
        ({"linear_before_reset": 0}, "linear_before_reset"),
    ],
)
def test_other_grus_are_refused_with_the_reason(attributes, reason):
    with pytest.raises(StapesError, match=reason):
        lower(check_model(gru(np.random.default_rng(0), **attributes), "m"))
