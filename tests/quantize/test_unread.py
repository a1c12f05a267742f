"""What nobody reads of an output goes, with all that works for it alone; what is left is what it was."""

import math

import numpy as np
import pytest
from onnx import helper
from stapes.quantize.against_source import hold_to_source
from stapes.quantize.lowering import lower
from stapes.quantize.onnx_reader import check_model
from stapes.quantize.recipe import parse_recipe
from stapes.quantize.unread import with_last, without_unread

from tests.quantize.onnx_models import make

node = helper.make_node
BANDS, CHANNELS = 16, 4
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def network(second_output=False):
    """A decoder as DeepFilterNet3 has it: a grouped linear layer, a convolution over 3 positions, a skip, twice as many positions, gains."""
    rng = np.random.default_rng(3)
    half = BANDS // 2
    nodes = [
        node("Reshape", ["x", "grouped"], ["x4"]),
        node("Conv", ["x4", "wg"], ["g"], group=4),
        node("Relu", ["g"], ["r"]),
        node("Reshape", ["r", "rows"], ["rows_first"]),
        node("Transpose", ["rows_first"], ["image"], perm=[0, 3, 1, 2]),
        node("Conv", ["image", "w3"], ["c3"], group=CHANNELS, pads=[0, 1, 0, 1]),
        node("Conv", ["c3", "w1", "b1"], ["c1"]),
        node("Relu", ["c1"], ["a"]),
        node("Conv", ["skip", "ws", "bs"], ["s"], group=CHANNELS),
        node("Relu", ["s"], ["sr"]),
        node("Add", ["a", "sr"], ["sum"]),
        node("ConvTranspose", ["sum", "wt"], ["up"], group=CHANNELS, strides=[1, 2], pads=[0, 1, 0, 1], output_padding=[0, 1]),
        node("Conv", ["up", "w2", "b2"], ["u1"]),
        node("Relu", ["u1"], ["u"]),
        node("Conv", ["u", "wo", "bo"], ["o"], pads=[0, 1, 0, 1]),
        node("Sigmoid", ["o"], ["gains"]),
        *([node("Tanh", ["u"], ["seen"])] if second_output else []),
    ]  # fmt: skip
    size = half * CHANNELS
    weights = {
        "wg": (size, 3, 1, 1), "w3": (CHANNELS, 1, 1, 3), "w1": (CHANNELS, CHANNELS, 1, 1), "b1": (CHANNELS,),
        "ws": (CHANNELS, 1, 1, 1), "bs": (CHANNELS,), "wt": (CHANNELS, 1, 1, 3), "w2": (CHANNELS, CHANNELS, 1, 1),
        "b2": (CHANNELS,), "wo": (1, CHANNELS, 1, 3), "bo": (1,),
    }  # fmt: skip
    constants = {name: rng.normal(0, 0.7, shape) for name, shape in weights.items()}
    constants |= {"grouped": np.array([1, 12, 1, 1]), "rows": np.array([1, 1, half, CHANNELS])}
    outputs = {"gains": (1, 1, 1, BANDS)} | ({"seen": (1, CHANNELS, 1, BANDS)} if second_output else {})
    return make(nodes, {"x": (1, 12), "skip": (1, CHANNELS, 1, half)}, outputs, constants)


def multiplications(graph):
    """Of one frame, in the operators with weights."""
    return sum(
        math.prod(graph.tensors[op.outputs[0]].shape) * math.prod(graph.tensors[op.inputs[1]].shape[1:])
        for op in graph.operators
        if op.kind in WEIGHTED
    )


def shortened(model, count):
    model = with_last(model, {"gains": count})
    source = check_model(model, "m")
    lowered = lower(source)
    return model, source, lowered, without_unread(lowered)


@pytest.mark.parametrize("count", [1, 2, 5, 8, 11, 13])
def test_the_last_gains_are_what_they_were_and_cost_less(count):
    model, source, whole, made = shortened(network(), count)
    assert made.tensors["gains"].shape == whole.tensors["gains"].shape == (1, count)
    rng = np.random.default_rng(count)
    frames = {name: rng.normal(0, 1, (40, size)).astype(np.float32) for name, size in source.sizes[0].items()}
    hold_to_source(model, source, made, [frames], "m")
    part = multiplications(made) / multiplications(whole)
    # A kernel of three positions reads one more on each floor.
    assert part < min(count / BANDS + 0.35, 1.0)


def test_every_kind_of_operator_on_the_way_makes_its_part_alone():
    made = shortened(network(), 5)[3]
    shapes = {op.kind: made.tensors[op.outputs[0]].shape for op in made.operators}
    assert shapes["LOGISTIC"] == (1, 5)
    wide = [made.tensors[op.inputs[0]].shape for op in made.operators if op.kind == "FULLY_CONNECTED"]
    assert wide == [(3, 4), (6, 4)]
    grouped = next(op for op in made.operators if op.kind == "CONV_2D")
    assert made.tensors[grouped.outputs[0]].shape == (1, 1, 1, 16)  # the last two groups of eight


def test_what_somebody_else_reads_stays_whole():
    made = shortened(network(second_output=True), 5)[3]
    wide = [op for op in made.operators if op.kind == "FULLY_CONNECTED"]
    assert {made.tensors[op.outputs[0]].shape for op in wide} == {(8, 4), (16, 4)}
    assert made.tensors["gains"].shape == (1, 5)


def test_a_graph_without_such_a_slice_is_left_as_it_is():
    lowered = lower(check_model(network(), "m"))
    assert without_unread(lowered) is lowered


def test_a_recipe_keeps_the_choice():
    recipe = parse_recipe({"weights": {"leave_out_unread": True}}, "r")
    assert "leave_out_unread = true" in recipe.to_toml()
    assert "leave_out_unread" not in parse_recipe({}, "r").to_toml()
