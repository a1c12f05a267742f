"""Lowering keeps the numbers: the lowered float graph equals the ONNX model in onnxruntime, operator by operator."""

import numpy as np
import pytest
from onnx import helper
from stapes.models.errors import StapesError
from stapes.quantize.calibrate import calibrate, run_float
from stapes.quantize.float_onnx import to_onnx
from stapes.quantize.lowering import lower
from stapes.quantize.onnx_reader import check_model

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


NORM = {"g": RNG.normal(size=3), "b": RNG.normal(size=3), "m": RNG.normal(size=3), "v": np.array([0.5, 2.0, 0.1])}
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
    "Pow 2": ([node("Pow", ["x", "e"], ["y"])], (1, 4), (1, 4), {"e": np.array(2.0)}),
    "Pow 3": ([node("Pow", ["x", "e"], ["y"])], (1, 4), (1, 4), {"e": np.array([3.0])}),
    "Pow 1": ([node("Pow", ["x", "e"], ["y"])], (1, 4), (1, 4), {"e": np.array([1.0, 1.0, 1.0, 1.0])}),
    "mean of a power": ([node("Pow", ["x", "e"], ["s"]), node("ReduceMean", ["s", "a"], ["m"], keepdims=0), node("Sigmoid", ["m"], ["y"])], (5, 4), (4,), {"e": np.array(2.0), "a": ints(0)}),
    "Gemm with a bias by row": ([node("Gemm", ["x", "w", "c"], ["y"])], (3, 4), (3, 3), {"w": RNG.normal(size=(4, 3)), "c": RNG.normal(size=(3, 1))}),
    "Gemm with a bias for each value": ([node("Gemm", ["x", "w", "c"], ["y"], beta=0.5)], (3, 4), (3, 3), {"w": RNG.normal(size=(4, 3)), "c": RNG.normal(size=(3, 3))}),
    "MatMul of one column": ([node("MatMul", ["x", "w"], ["p"]), node("Add", ["p", "x"], ["y"])], (1, 4, 4), (1, 4, 4), {"w": RNG.normal(size=(4, 1))}),
    "MatMul by a vector": ([node("MatMul", ["x", "w"], ["p"]), node("Tanh", ["p"], ["y"])], (1, 4, 4), (1, 4), {"w": RNG.normal(size=4)}),
    "MatMul of many rows": ([node("MatMul", ["x", "w"], ["p"]), node("Tanh", ["p"], ["y"])], (2, 3, 4), (2, 3, 5), {"w": RNG.normal(size=(1, 4, 5))}),
    "mean of nothing": ([node("ReduceMean", ["x"], ["m"], noop_with_empty_axes=1), node("Tanh", ["m"], ["y"])], (1, 4), (1, 4), {}),
    "mean of all": ([node("ReduceMean", ["x"], ["m"], keepdims=0), node("Tanh", ["m"], ["y"])], (3, 4), (), {}),
    "mean over axes apart": ([node("ReduceMean", ["x", "a"], ["m"], keepdims=0), node("Tanh", ["m"], ["y"])], (2, 3, 4), (3,), {"a": ints(0, 2)}),
    "LayerNormalization of a scale by row": ([node("LayerNormalization", ["x", "g", "b"], ["y"], axis=1)], (1, 3, 4), (1, 3, 4), {"g": np.array([[1.0], [2.0], [0.5]]), "b": np.array([0.1, 0.2, 0.3, 0.4])}),
    "Concat with a constant": ([node("Tanh", ["x"], ["t"]), node("Concat", ["t", "c", "x"], ["y"], axis=1)], (1, 3, 4), (1, 8, 4), {"c": RNG.normal(size=(1, 2, 4))}),
    "Concat of a constant twice, first and last": ([node("Concat", ["c", "x", "c"], ["j"], axis=-1), node("Tanh", ["j"], ["y"])], (1, 4), (1, 8), {"c": RNG.normal(size=(1, 2))}),
    "Concat with zeros": ([node("Concat", ["c", "x"], ["j"], axis=1), node("Sigmoid", ["j"], ["y"])], (1, 1, 4), (1, 3, 4), {"c": np.zeros((1, 2, 4))}),
    "Concat of one": ([node("Concat", ["x"], ["j"], axis=1), node("Tanh", ["j"], ["y"])], (3, 1, 4), (3, 1, 4), {}),
    "Concat of many": ([node("Tanh", ["x"], ["t"]), node("Concat", ["x", "t"] * 6 + ["x"], ["y"], axis=1)], (3, 1, 4), (3, 13, 4), {}),
    "BatchNormalization alone": ([node("Tanh", ["x"], ["t"]), node("BatchNormalization", ["t", "g", "b", "m", "v"], ["y"], epsilon=1e-3)], (1, 3, 5), (1, 3, 5), NORM),
    "BatchNormalization of an input of four axes": ([node("BatchNormalization", ["x", "g", "b", "m", "v"], ["n"]), node("Tanh", ["n"], ["y"])], (1, 3, 2, 5), (1, 3, 2, 5), NORM),
    "BatchNormalization of columns": ([node("MatMul", ["x", "w"], ["p"]), node("BatchNormalization", ["p", "g", "b", "m", "v"], ["y"])], (1, 4), (1, 3), {**NORM, "w": RNG.normal(size=(4, 3))}),
    "BatchNormalization behind a Conv that is read twice": ([node("Conv", ["x", "w"], ["c"]), node("BatchNormalization", ["c", "g", "b", "m", "v"], ["n"]), node("Add", ["n", "c"], ["y"])], (1, 2, 5), (1, 3, 5), {**NORM, "w": RNG.normal(size=(3, 2, 1))}),
    "Slice of a unit axis": ([node("Slice", ["x", "b", "e", "a"], ["s"]), node("Tanh", ["s"], ["y"])], (3, 1, 4), (3, 1, 4), {"b": ints(0), "e": ints(1), "a": ints(1)}),
    "Gather of a unit axis": ([node("Gather", ["x", "i"], ["s"], axis=1), node("Tanh", ["s"], ["y"])], (3, 1, 4), (3, 4), {"i": np.array(0, np.int64)}),
    "Pad of a unit axis": ([node("Pad", ["x", "p"], ["s"]), node("Tanh", ["s"], ["y"])], (3, 1, 4), (3, 3, 4), {"p": ints(0, 1, 0, 0, 1, 0)}),
    "five axes turned as three": ([node("Transpose", ["x"], ["t"], perm=[2, 3, 4, 0, 1]), node("Tanh", ["t"], ["y"])], (2, 3, 2, 2, 2), (2, 2, 2, 2, 3), {}),
    "Einsum in groups": ([node("Einsum", ["x", "w"], ["p"], equation="btgi,gih->btgh"), node("Relu", ["p"], ["y"])], (1, 1, 4, 3), (1, 1, 4, 5), {"w": RNG.normal(size=(4, 3, 5))}),
    "Einsum in groups of many rows, turned": ([node("Einsum", ["w", "x"], ["p"], equation="hgi,igt->thg"), node("Tanh", ["p"], ["y"])], (3, 4, 2), (2, 5, 4), {"w": RNG.normal(size=(5, 4, 3))}),
    "Einsum without groups": ([node("Einsum", ["x", "w"], ["y"], equation="ab,cb->ac")], (3, 4), (3, 5), {"w": RNG.normal(size=(5, 4))}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_operator_keeps_its_numbers(case):
    nodes, given, made, constants = CASES[case]
    expected, got, _ = both(make(nodes, {"x": given}, {"y": made}, constants))
    layer_norm = "LayerNormalization" in case
    np.testing.assert_allclose(got["y"], expected["y"], rtol=1e-5, atol=2e-3 if layer_norm else 1e-6)


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
        node("Acos", ["x"], ["a"], name="first"),
        node("Pow", ["a", "x"], ["b"], name="second"),
        node("GRU", ["b", "W", "R", "B", "", "h"], ["Y", "h_out"], name="third", hidden_size=1, clip=1.0),
        node("Asinh", ["Y"], ["y"], name="fourth"),
    ]
    constants = {"W": np.ones((1, 3, 1)), "R": np.ones((1, 3, 1)), "B": np.ones((1, 6))}
    model = make(nodes, {"x": (1, 1, 1), "h": (1, 1, 1)}, {"y": (1, 1, 1, 1), "h_out": (1, 1, 1)}, constants)
    with pytest.raises(StapesError) as caught:
        lower(check_model(model, "m"))
    message = str(caught.value)
    for part in (
        "Acos (first)",
        "Pow (second): the exponent must be a constant",
        "GRU (third): clip",
        "Asinh (fourth)",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"direction": "reverse"}, "direction"),
        ({"clip": 1.0}, "clip"),
        ({"activations": ["Sigmoid", "Relu"]}, "activations"),
    ],
)
def test_other_grus_are_refused_with_the_reason(attributes, reason):
    with pytest.raises(StapesError, match=reason):
        lower(check_model(gru(np.random.default_rng(0), **attributes), "m"))


REFUSED_OUTPUTS = {
    "is a constant": ([node("Tanh", ["x"], ["z"])], {"z": (1, 3), "c": (1, 3)}, "output 'c' is a constant"),
    "is an input": ([node("Tanh", ["x"], ["z"])], {"z": (1, 3), "x": (1, 3)}, "m: output 'x' is an input as well"),
}


@pytest.mark.parametrize("case", REFUSED_OUTPUTS)
def test_an_output_that_is_none_is_refused_by_name(case):
    nodes, outputs, message = REFUSED_OUTPUTS[case]
    model = make(nodes, {"x": (1, 3)}, outputs, {"c": np.ones((1, 3))})
    with pytest.raises(StapesError, match=message):
        lower(check_model(model, "m"))


def test_an_output_that_stands_twice_is_refused_by_name():
    model = make([node("Tanh", ["x"], ["z"])], {"x": (1, 3)}, {"z": (1, 3)})
    model.graph.output.append(model.graph.output[0])
    with pytest.raises(StapesError, match="m: output 'z' stands twice"):
        check_model(model, "m")


EINSUMS = {
    "all axes at once": ("a...,b...->ab", "must name all axes"),
    "a diagonal": ("aa,cb->ac", "a letter stands twice"),
}


@pytest.mark.parametrize("case", EINSUMS)
def test_an_einsum_that_is_no_product_of_weights_is_refused_with_the_reason(case):
    equation, reason = EINSUMS[case]
    operands = ["x", "w"]
    model = make(
        [node("Einsum", operands, ["y"], name="e", equation=equation)], {"x": (3, 3)}, {"y": ()}, {"w": np.ones((3, 3))}
    )
    model.graph.output[0].type.tensor_type.ClearField("shape")
    with pytest.raises(StapesError, match=rf"Einsum \(e\): .*{reason}"):
        lower(check_model(model, "m"))


def test_axes_that_move_one_by_one_are_refused_by_the_node_from_five_on():
    model = make(
        [node("Transpose", ["x"], ["y"], name="shuffle", perm=[4, 2, 0, 3, 1])],
        {"x": (2, 2, 2, 4, 2)},
        {"y": (2, 2, 2, 4, 2)},
    )
    with pytest.raises(StapesError, match=r"Transpose \(shuffle\): it moves 5 axes"):
        lower(check_model(model, "m"))


def test_powers_of_several_exponents_are_refused_by_name():
    exponents = {"e": np.array([2.0, 3.0, 2.0])}
    model = make([node("Pow", ["x", "e"], ["y"], name="p")], {"x": (1, 3)}, {"y": (1, 3)}, exponents)
    with pytest.raises(StapesError, match=r"Pow \(p\): the exponent must be one number"):
        lower(check_model(model, "m"))


def test_names_of_the_file_belong_to_its_values():
    """Labels that lowering makes up, such as `y/made` and `y/weights`, are names in this file; so is that of the output."""
    nodes = [
        node("Conv", ["x", "w"], ["y/made"], pads=[0, 1, 0, 1]),
        node("Tanh", ["y/made"], ["y/weights"]),
        node("Conv", ["y/weights", "v"], ["y"], pads=[0, 1, 0, 1]),
    ]
    constants = {"w": RNG.normal(size=(3, 2, 1, 3)), "v": RNG.normal(size=(2, 3, 1, 3))}
    outputs = {"y": (1, 2, 1, 5), "y/weights": (1, 3, 1, 5)}
    expected, got, lowered = both(make(nodes, {"x": (1, 2, 1, 5)}, outputs, constants))
    for name in outputs:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-5, atol=1e-6)
    assert lowered.outputs == list(outputs)


def test_a_network_of_copies_alone_calibrates():
    model = make([node("Identity", ["x"], ["y"])], {"x": (1, 4)}, {"y": (1, 4)})
    _, _, lowered = both(model)
    seen = calibrate(lowered, [{"x": np.ones((5, 4), np.float32)}])
    assert list(seen.values) == ["x"]
