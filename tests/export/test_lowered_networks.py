"""What lowering makes of ONNX runs alike everywhere: numpy, C on the host and TFLite Micro, bit by bit."""

import numpy as np
import pytest
from onnx import helper
from stapes.firmware_sim.network import NetworkSimulator
from stapes.models.errors import StapesError
from stapes.quantize.onnx_reader import check_model
from stapes.quantize.pipeline import quantise
from stapes.quantize.recipe import load_recipe

from tests.export.programs import CNetwork
from tests.firmware_sim.tflm import run_tflm_batch
from tests.quantize.onnx_models import make
from tests.quantize.test_broadcast import SHAPES, random_graph

node = helper.make_node
FRAMES = 12


def quantised(model, recipe, frames=60):
    source = check_model(model, "m")
    rng = np.random.default_rng(2)
    data = {name: rng.normal(0, 1, (frames, *source.shapes[name])).astype(np.float32) for name in source.inputs}
    return quantise(source, load_recipe(recipe), [data]).graph


def codes(graph):
    """Frames over the whole range of the inputs: name -> (FRAMES, *shape)."""
    rng = np.random.default_rng(3)
    return {
        name: rng.integers(*graph.tensors[name].limits, (FRAMES, *graph.tensors[name].shape), endpoint=True)
        for name in graph.inputs
    }


def in_numpy(graph, given):
    simulator = NetworkSimulator(graph, FRAMES)
    return simulator.step(given)


def assert_same(graph, expected, got):
    for name in graph.outputs:
        np.testing.assert_array_equal(got[name].reshape(expected[name].shape), expected[name], err_msg=name)


def every_meeting():
    """All pairs of shapes that may meet, each operator for each, with a constant and with an activation, side by side."""
    nodes, inputs, outputs, constants = [], {}, {}, {}
    rng = np.random.default_rng(4)
    for index, (first, second) in enumerate(SHAPES):
        inputs |= {f"x{index}": first, f"z{index}": second or (1,)}
        constants[f"c{index}"] = np.abs(rng.normal(0, 1, second)) + 0.3
        for kind, a, b in (
            ("Add", "x", "z"),
            ("Sub", "z", "x"),
            ("Mul", "x", "z"),
            ("Mul", "c", "x"),
            ("Div", "x", "c"),
        ):
            out = f"y{index}_{kind}_{a}{b}"
            nodes.append(node(kind, [f"{a}{index}", f"{b}{index}"], [out]))
            outputs[out] = np.broadcast_shapes(first, second)
    return make(nodes, inputs, outputs, constants)


def odd_ends():
    """What once met nobody: a join of sixteen, five axes, powers, a convolution at the end, outputs that are inputs."""
    rng = np.random.default_rng(5)
    nodes = [node("MatMul", ["x", f"w{i}"], [f"p{i}"]) for i in range(16)]
    nodes += [
        node("Concat", [f"p{i}" for i in range(16)], ["joined"], axis=1),
        node("Tanh", ["joined"], ["y_joined"]),
        node("Reshape", ["joined", "five"], ["five_axes"]),
        node("Tanh", ["five_axes"], ["tanh_of_five"]),
        node("Transpose", ["tanh_of_five"], ["turned"], perm=[2, 3, 4, 0, 1]),
        node("Reshape", ["turned", "flat"], ["y_turned"]),
        node("Pow", ["x", "two"], ["y_square"]),
        node("Pow", ["x", "three"], ["y_cube"]),
        node("Reshape", ["joined", "image"], ["channels"]),
        node("Conv", ["channels", "k"], ["y_image"], pads=[0, 1, 0, 1]),
        node("ReduceMean", ["channels", "outer"], ["y_mean"], keepdims=0),
        node("Identity", ["x"], ["y_same"]),
        node("Identity", ["x"], ["y_same_again"]),
    ]
    constants = {f"w{i}": rng.normal(0, 1, (6, 4)) for i in range(16)}
    constants |= {"five": np.array([2, 2, 2, 4, 2]), "flat": np.array([1, 64]), "image": np.array([1, 4, 4, 4])}
    constants |= {
        "two": np.array(2.0),
        "three": np.array([3.0]),
        "k": rng.normal(0, 1, (2, 4, 1, 3)),
        "outer": np.array([1, 3]),
    }
    outputs = {"y_joined": (1, 64), "y_turned": (1, 64), "y_square": (1, 6), "y_cube": (1, 6), "y_image": (1, 2, 4, 4)}
    outputs |= {"y_mean": (1, 4), "y_same": (1, 6), "y_same_again": (1, 6)}
    return make(nodes, {"x": (1, 6), "unused": (1, 3)}, outputs, constants)


@pytest.mark.parametrize("recipe", ["w8a8", "w8a16"])
@pytest.mark.parametrize("network", [every_meeting, odd_ends])
def test_numpy_c_and_tflite_micro_agree_on(network, recipe, tmp_path):
    graph = quantised(network(), recipe)
    given = codes(graph)
    expected = in_numpy(graph, given)
    assert_same(graph, expected, run_tflm_batch(graph, given, 1 << 22))
    compiled = CNetwork(graph, tmp_path)
    frames = [compiled.step({name: values[t] for name, values in given.items()}) for t in range(FRAMES)]
    assert_same(graph, expected, {name: np.stack([frame[name] for frame in frames]) for name in graph.outputs})


def test_numpy_and_tflite_micro_agree_on_random_small_graphs():
    compared = 0
    for seed in range(40):
        try:
            graph = quantised(random_graph(seed), ("w8a8", "w8a16", "w8a16_cmsis_nn")[seed % 3])
        except StapesError:
            # More axes than the engines walk through.
            continue
        given = codes(graph)
        assert_same(graph, in_numpy(graph, given), run_tflm_batch(graph, given))
        compared += 1
    assert compared > 30
