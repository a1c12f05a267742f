"""Networks with dead layers, tiny weights and constant rows quantise; what cannot is told in the terms of the network."""

import numpy as np
import pytest
from onnx import helper
from stapes.firmware_sim.compare import snr_db
from stapes.firmware_sim.network import NetworkSimulator
from stapes.models.errors import StapesError
from stapes.quantize.calibrate import run_float
from stapes.quantize.onnx_reader import check_model
from stapes.quantize.pipeline import quantise
from stapes.quantize.proof import overflow_free
from stapes.quantize.recipe import load_recipe, parse_recipe

from tests.firmware_sim.tflm import run_tflm_batch
from tests.quantize.onnx_models import gru, make

node = helper.make_node
RNG = np.random.default_rng(31)
TENSOR = {
    f"w8a{bits}": {"weights": {"granularity": "tensor"}, "activations": {"dtype": f"int{bits}"}} for bits in (8, 16)
}


def normal(*shape):
    return RNG.normal(0, 0.4, shape)


def follows(model, recipe, states=()):
    """SNR of the integers against float, once they are proven and equal to TFLite Micro's."""
    source = check_model(model, "m")
    rng = np.random.default_rng(6)
    frames = {name: rng.normal(0, 1, (120, *source.shapes[name])).astype(np.float32) for name in source.inputs}
    graph = quantise(source, recipe, [frames]).graph
    assert overflow_free(graph)
    given = {}
    for name, values in frames.items():
        x = graph.tensors[name]
        rounded = np.round(values / float(x.scale[0])) + x.zero_point
        given[name] = np.clip(rounded, *x.limits).astype(np.int64).reshape(-1, *x.shape)
    if states:
        simulator = NetworkSimulator(graph, 1)
        rows = [simulator.step({name: values[t : t + 1] for name, values in given.items()}) for t in range(120)]
        made = {name: np.concatenate([row[name] for row in rows]) for name in graph.outputs}
    else:
        made = NetworkSimulator(graph, 120).step(given)
        tflm = run_tflm_batch(graph, given)
        for name in graph.outputs:
            np.testing.assert_array_equal(tflm[name], made[name])
    expected = run_float(model, source.states, [frames], list(source.outputs))[0]
    ratios = []
    for name in source.outputs:
        y = graph.tensors[name]
        real = (made[name].reshape(120, -1) - y.zero_point) * float(y.scale[0])
        ratios.append(snr_db(expected[name], real))
    return min(ratios)


def dead(bias, behind="Relu"):
    """x -> linear -> rectifier that `bias` shuts -> linear -> sigmoid."""
    nodes = [
        node("Gemm", ["x", "w", "shut"], ["a"], transB=1),
        node("Relu", ["a"], ["r"]),
        node("Gemm", ["r", "v", "b"], ["l"], transB=1),
        node(behind, ["l"], ["y"]),
    ]
    constants = {"w": normal(8, 6), "shut": np.full(8, bias), "v": normal(5, 8), "b": normal(5)}
    return make(nodes, {"x": (1, 6)}, {"y": (1, 5)}, constants)


@pytest.mark.parametrize("recipe", ["w8a8", "w8a16"])
@pytest.mark.parametrize("bias", [-100.0, -1e4, -3.95])
def test_a_rectifier_that_stays_shut_is_a_constant(recipe, bias):
    """The last bias leaves one value of all frames a little above zero."""
    assert follows(dead(bias), load_recipe(recipe)) > (25 if recipe == "w8a8" else 40)


@pytest.mark.parametrize("recipe", ["w8a8", "w8a16"])
def test_a_chain_of_dead_layers_is_a_constant(recipe):
    nodes = [
        node("Conv", ["x", "w", "shut"], ["a"], pads=[0, 1, 0, 1]),
        node("Relu", ["a"], ["r"]),
        node("Conv", ["r", "v"], ["c"]),
        node("LeakyRelu", ["c"], ["k"], alpha=0.2),
        node("Mul", ["k", "k"], ["s"]),
        node("Add", ["s", "x"], ["t"]),
        node("Conv", ["t", "u", "b"], ["y"]),
    ]
    constants = {"w": normal(4, 4, 1, 3), "shut": np.full(4, -50.0), "v": normal(4, 4, 1, 1), "u": normal(3, 4, 1, 1)}
    model = make(nodes, {"x": (1, 4, 1, 6)}, {"y": (1, 3, 1, 6)}, {**constants, "b": normal(3)})
    assert follows(model, load_recipe(recipe)) > (25 if recipe == "w8a8" else 40)


def rows_of(size, kind):
    """A product whose every third row has weights of `size` beside a bias of one."""
    kernel = {"Gemm": (9, 6), "Conv": (9, 4, 1, 3), "depthwise": (9, 1, 1, 3), "pointwise": (9, 4, 1, 1)}[kind]
    weights, bias = normal(*kernel), normal(9)
    weights[::3] *= size
    bias[::3] = np.array([1.0, -1.0, 3.0])
    shape = {"Gemm": (1, 6), "depthwise": (1, 9, 1, 7)}.get(kind, (1, 4, 1, 7))
    out = {"Gemm": (1, 9), "pointwise": (1, 9, 1, 7)}.get(kind, (1, 9, 1, 5))
    if kind == "Gemm":
        product = node("Gemm", ["x", "w", "b"], ["p"], transB=1)
    else:
        product = node("Conv", ["x", "w", "b"], ["p"], group=9 if kind == "depthwise" else 1)
    return make([product, node("Tanh", ["p"], ["y"])], {"x": shape}, {"y": out}, {"w": weights, "b": bias})


@pytest.mark.parametrize("kind", ["Gemm", "Conv", "depthwise", "pointwise"])
def test_rows_of_tiny_weights_are_constants(kind):
    for size in (0.0, 0.03, 1e-3, 1e-4, 1e-6, 1e-12, 1e-30):
        for name, floor in (("w8a8", 28), ("w8a16", 38)):
            assert follows(rows_of(size, kind), load_recipe(name)) > floor, (size, name)


@pytest.mark.parametrize("name", ["w8a8", "w8a16"])
def test_a_layer_of_tiny_weights_alone_keeps_its_bias(name):
    nodes = [node("Gemm", ["x", "w", "b"], ["y"], transB=1)]
    model = make(nodes, {"x": (1, 4)}, {"y": (1, 2)}, {"w": np.full((2, 4), 1e-6), "b": np.array([0.0, 9e4])})
    assert follows(model, load_recipe(name)) > 40
    assert follows(model, parse_recipe(TENSOR[name], "t")) > 40


@pytest.mark.parametrize("name", ["w8a8", "w8a16"])
def test_a_gru_with_a_unit_of_tiny_weights_quantises(name):
    model = gru(np.random.default_rng(3))
    for tensor in model.graph.initializer:
        if tensor.name in ("W", "R"):
            data = np.frombuffer(tensor.raw_data, np.float32).reshape(tensor.dims).copy()
            data[:, ::8] *= 1e-8
            tensor.raw_data = data.tobytes()
    assert follows(model, load_recipe(name), states=("h",)) > (20 if name == "w8a8" else 35)


def test_what_calibrated_before_keeps_its_scales():
    """Only what would overflow takes another scale."""
    weights, bias = normal(6, 5), normal(6)
    model = make(
        [node("Gemm", ["x", "w", "b"], ["y"], transB=1)], {"x": (1, 5)}, {"y": (1, 6)}, {"w": weights, "b": bias}
    )
    source = check_model(model, "m")
    frames = {"x": np.random.default_rng(6).normal(0, 1, (50, 5)).astype(np.float32)}
    graph = quantise(source, load_recipe("w8a16"), [frames]).graph
    (op,) = graph.operators
    held = np.asarray(weights, np.float32).astype(np.float64)
    np.testing.assert_array_equal(
        graph.tensors[op.inputs[1]].scale, (np.abs(held).max(axis=1) / 127).astype(np.float32)
    )


@pytest.mark.parametrize("recipe", ["w8a8", "w8a16"])
def test_implausible_weights_are_refused_by_the_layer_that_has_them(recipe):
    nodes = [
        node("Gemm", ["x", "w"], ["a"], transB=1, name="/fc1/Gemm"),
        node("Gemm", ["a", "v"], ["l"], transB=1, name="/fc2/Gemm"),
        node("Sigmoid", ["l"], ["s"], name="/act/Sigmoid"),
        node("Mul", ["s", "l"], ["y"], name="/gate/Mul"),
    ]
    model = make(nodes, {"x": (1, 6)}, {"y": (1, 5)}, {"w": 1e9 * normal(8, 6), "v": 1e9 * normal(5, 8)})
    with pytest.raises(StapesError) as caught:
        follows(model, load_recipe(recipe))
    text = str(caught.value)
    assert text.startswith("layer Sigmoid (/act/Sigmoid) does not fit in integers: ")
    assert "\n" not in text
    assert "weights" in text


@pytest.mark.parametrize("gate", ["Sigmoid", "Tanh"])
def test_what_a_gate_reads_may_saturate_only_where_nobody_else_reads_it(gate):
    nodes = [node("Gemm", ["x", "w"], ["l"], transB=1), node(gate, ["l"], ["s"]), node("Mul", ["l", "s"], ["y"])]
    model = make(nodes, {"x": (1, 6)}, {"y": (1, 5)}, {"w": 40 * normal(5, 6)})
    assert follows(model, load_recipe("w8a8")) > 25


def test_a_row_whose_sum_fits_keeps_its_scale_beside_one_whose_bias_does_not():
    """The first row fills int32 nearly by itself; it would take another scale if it had to."""

    def scales(weight):
        weights = np.stack([np.full(700, 0.5), np.full(700, weight)])
        constants = {"w": weights, "b": np.array([0.0, 1.0])}
        model = make([node("Gemm", ["x", "w", "b"], ["y"], transB=1)], {"x": (1, 700)}, {"y": (1, 2)}, constants)
        frames = {"x": np.random.default_rng(6).normal(0, 1, (20, 700)).astype(np.float32)}
        graph = quantise(check_model(model, "m"), load_recipe("w8a16"), [frames]).graph
        return graph.tensors[graph.operators[0].inputs[1]].scale

    tiny, plain = scales(1e-9), scales(0.1)
    assert tiny[0] == plain[0]
    assert tiny[1] > 1e-9 / 127
