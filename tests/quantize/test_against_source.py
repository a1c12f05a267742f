"""The lowered network is the network of the file, output by output; where it is not, the node is named where that begins."""

from dataclasses import replace

import numpy as np
import pytest
from onnx import helper, numpy_helper
from stapes.models.errors import StapesError
from stapes.quantize.against_source import hold_to_source, output_error, require_running
from stapes.quantize.lowering import lower
from stapes.quantize.onnx_reader import check_model

from tests.quantize.onnx_models import gru, make

FRAMES = 40


def mixed():
    """Signals of sizes 1 and 1000, a state, a LayerNorm."""
    rng = np.random.default_rng(2)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"], name="product"),
        helper.make_node("Add", ["p", "b"], ["s"], name="bias"),
        helper.make_node("Tanh", ["s"], ["t"], name="squash"),
        helper.make_node("Add", ["t", "h_in"], ["h_out"], name="memory"),
        helper.make_node("LayerNormalization", ["h_out", "ones"], ["n"], name="norm"),
        helper.make_node("Mul", ["t", "k"], ["loud"], name="gain"),
        helper.make_node("Sigmoid", ["n"], ["y"], name="gate"),
    ]
    constants = {"w": rng.normal(size=(6, 5)), "b": rng.normal(size=5), "k": np.array(1000.0), "ones": np.ones(5)}
    outputs = {"y": (1, 5), "loud": (1, 5), "h_out": (1, 5)}
    return make(nodes, {"x": (1, 6), "h_in": (1, 5)}, outputs, constants)


def held(model, change=lambda graph: None):
    source = check_model(model, "m")
    lowered = lower(source)
    change(lowered)
    data = np.random.default_rng(3).standard_normal((FRAMES, source.shapes["x"][-1])).astype(np.float32)
    hold_to_source(model, source, lowered, [{"x": data}], "net.onnx")
    return output_error(model, source, lowered, [{"x": data}], "net.onnx")


@pytest.mark.parametrize("model", [gru(np.random.default_rng(0)), mixed()])
def test_a_network_that_is_lowered_rightly_passes(model):
    assert held(model) < 1e-3


@pytest.mark.parametrize("weights", ["W", "R", "B"])
def test_operands_that_do_not_fit_are_refused_in_one_line_before_lowering(weights, capfd):
    model = gru(np.random.default_rng(0))
    require_running(model, check_model(model, "m"))
    (tensor,) = (one for one in model.graph.initializer if one.name == weights)
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor)[0].copy(), weights))
    with pytest.raises(StapesError, match=rf"onnxruntime cannot run the network \(.*{weights}.*shape") as caught:
        require_running(model, check_model(model, "m"))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def scaled(name, factor):
    """Another constant of a lowered graph: what a misread operand would be."""

    def change(graph):
        tensor = graph.tensors[name]
        graph.tensors[name] = replace(tensor, data=tensor.data * factor)

    return change


@pytest.mark.parametrize(
    ("constant", "factor", "words"),
    [
        ("k", 1.001, "output 'loud' .* first at Mul \\(gain\\)"),
        ("y/weights", 1.01, "first at Add \\(bias\\)"),
    ],
)
def test_what_differs_is_named_by_its_node(constant, factor, words):
    def change(graph):
        name = constant if constant in graph.tensors else next(n for n in graph.tensors if n.endswith("/weights"))
        scaled(name, factor)(graph)

    with pytest.raises(StapesError, match=words) as caught:
        held(mixed(), change)
    assert str(caught.value).startswith("net.onnx: ")


def test_an_output_is_judged_by_its_own_size():
    """An error of 1 % in `y` is 1e-5 of the loud output's size."""

    def change(graph):
        (norm,) = (region for region in graph.regions if region.kind == "layer_norm")
        scaled(next(o.inputs[1] for o in graph.operators if o.outputs[0] == norm.roles["scaled"]), 1.02)(graph)

    with pytest.raises(StapesError, match=r"output 'y' .* first at LayerNormalization \(norm\)"):
        held(mixed(), change)


def test_a_state_is_held_too():
    """From real frames the state begins at zero; a factor of the state alone shows in the frames behind the first."""
    model = make(
        [
            helper.make_node("Mul", ["h_in", "decay"], ["old"], name="forget"),
            helper.make_node("Add", ["old", "x"], ["h_out"], name="keep"),
            helper.make_node("Relu", ["x"], ["y"]),
        ],
        {"x": (1, 4), "h_in": (1, 4)},
        {"y": (1, 4), "h_out": (1, 4)},
        {"decay": np.array(0.9)},
    )
    assert held(model) < 1e-4
    with pytest.raises(StapesError, match=r"state 'h_out' .* first at Mul \(forget\)"):
        held(model, scaled("decay", 1.01))
