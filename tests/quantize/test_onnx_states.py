"""Which input is a state: by wiring where that is beyond doubt, by name where the name says so, and never in silence where neither does."""

import numpy as np
import onnx
import pytest
from onnx import helper
from stapes.models.errors import StapesError
from stapes.quantize.onnx_reader import OnnxFile, check_model, with_states

from tests.quantize.onnx_models import gru, make
from tests.quantize.recurrent_models import recurrent


def cell(inputs, outputs, size=8):
    """A GRU cell over a signal of the state's own shape; names as given: signal and state."""
    model = gru(np.random.default_rng(0), size=size, hidden=size)
    names = dict(zip(("x", "h", "y", "h_out"), (*inputs, *outputs), strict=True))
    for node in model.graph.node:
        node.input[:] = [names.get(n, n) for n in node.input]
        node.output[:] = [names.get(n, n) for n in node.output]
    for value in (*model.graph.input, *model.graph.output):
        value.name = names[value.name]
    return model


def added(state, after, others=True):
    """state + x, of one shape."""
    nodes = [helper.make_node("Add", ["x", state], [after]), helper.make_node("Relu", [after], ["y"])]
    return make(nodes, {"x": (1, 4), state: (1, 4)}, {"y": (1, 4), after: (1, 4)})


def pairs(source):
    return [(state.input, state.output) for state in source.states]


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("h_in", "h_out"),
        ("h0", "hn"),
        ("h_0", "h_n"),
        ("hx", "hy"),
        ("state", "new_state"),
        ("state", "state_new"),
        ("prev_state", "next_state"),
        ("state_prev", "state"),
        ("cache", "cache_out"),
        ("cache_i", "cache_o"),
        ("old_mem", "new_mem"),
        ("past_buffer", "present_buffer"),
        ("hidden", "hidden.1"),
        ("stateIn", "stateOut"),
        ("input_cache", "output_cache"),
        ("init_h", "h"),
        ("h_last", "h_current"),
    ],
)
def test_the_spellings_of_states_are_understood(given, made):
    source = check_model(added(given, made), "m")
    assert pairs(source) == [(given, made)]
    assert not source.notes


def test_signals_in_and_out_are_no_state_beside_one():
    source = check_model(cell(("spec_in", "h_in"), ("spec_out", "h_out")), "m")
    assert pairs(source) == [("h_in", "h_out")]
    assert (source.inputs, source.outputs) == (("spec_in",), ("spec_out",))
    assert len(source.notes) == 1
    assert "'spec_in' and 'spec_out' are taken for signals" in source.notes[0]
    assert "--state INPUT=OUTPUT" in source.notes[0]


def test_the_wiring_of_a_recurrence_needs_no_names():
    source = check_model(cell(("a", "b"), ("c", "d")), "m")
    assert pairs(source) == [("b", "d")]
    assert not source.notes


def test_a_network_without_states_keeps_its_signals():
    model = make([helper.make_node("Relu", ["x_in"], ["x_out"])], {"x_in": (1, 4)}, {"x_out": (1, 4)})
    assert check_model(model, "m").inputs == ("x_in",)


def test_a_state_by_name_alone_is_told():
    source = check_model(added("level_in", "level_out"), "m")
    assert pairs(source) == [("level_in", "level_out")]
    assert "taken for a state, by the names alone" in source.notes[0]


def test_what_a_convolution_keeps_of_the_past_is_a_state_whatever_it_is_called():
    nodes = [
        helper.make_node("Concat", ["p", "x"], ["both"], axis=2),
        helper.make_node("Slice", ["both", "one", "three", "two"], ["q"]),
        helper.make_node("Conv", ["both", "w"], ["y"]),
    ]
    constants = {n: np.array([v]) for n, v in (("one", 1), ("two", 2), ("three", 3))} | {"w": np.ones((4, 4, 3))}
    model = make(nodes, {"x": (1, 4, 1), "p": (1, 4, 2)}, {"y": (1, 4, 1), "q": (1, 4, 2)}, constants)
    assert pairs(check_model(model, "m")) == [("p", "q")]


def test_metadata_decides_against_names_and_wiring():
    model = added("h_in", "h_out")
    model.metadata_props.add(key="stapes.states", value="[]")
    source = check_model(model, "m")
    assert (source.inputs, source.states) == (("x", "h_in"), ())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('[["h_in", "h_out"], ["h_in", "h_out"]]', "the state 'h_in' is named twice"),
        ('[["h_in", "y"], ["x", "y"]]', "the state 'y' is named twice"),
        ('{"h_in": "h_out"}', "not a JSON list"),
        ('[["h_in", 3]]', "not a JSON list"),
        ("5", "not a JSON list"),
        ("null", "not a JSON list"),
        ("[" * 200_000, "not a JSON list"),
        ('[["h_in", "h_out", "x"]]', "not a JSON list"),
        ('[["h_out", "h_in"]]', "is not an input and an output of the model; it has the inputs x, h_in"),
    ],
)
def test_metadata_that_names_no_states_is_refused(value, words):
    model = added("h_in", "h_out")
    model.metadata_props.add(key="stapes.states", value=value)
    with pytest.raises(StapesError, match=words) as caught:
        check_model(model, "m")
    assert len(str(caught.value)) < 400


def test_inputs_that_do_nothing_and_outputs_that_nothing_decides_are_told():
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Identity", ["zero"], ["h_out"])]
    model = make(
        nodes, {"x": (1, 4), "idle": (1, 2), "h_in": (1, 4)}, {"y": (1, 4), "h_out": (1, 4)}, {"zero": np.zeros((1, 4))}
    )
    notes = check_model(model, "m").notes
    assert notes == (
        "input 'idle' does nothing: no output depends on it",
        "state 'h_in' does nothing: no output depends on it",
        "state 'h_out' is the same in every frame: no input decides it",
    )


def test_states_named_on_the_command_line_go_into_the_metadata():
    model = added("h_in", "h_out")
    model.metadata_props.add(key="stapes.states", value="[]")
    file = with_states(OnnxFile(model, b"", b"whole"), ["x=h_out"])
    assert file.whole == b"whole"
    assert pairs(check_model(onnx.load_model_from_string(file.content), "m")) == [("x", "h_out")]


@pytest.mark.parametrize("pair", ["h_in", "=h_out", "h_in=", ""])
def test_a_pair_on_the_command_line_is_two_names(pair):
    with pytest.raises(StapesError, match="write INPUT=OUTPUT"):
        with_states(OnnxFile(added("h_in", "h_out"), b"", b""), [pair])


def test_a_recurrence_from_the_end_in_a_file_without_states_is_told_how_it_was_taken():
    model = recurrent("LSTM", length=5, direction="bidirectional")
    (note,) = check_model(model, "m").notes
    assert "LSTM (cell) runs from the end, over 5 positions: taken for those of one frame" in note
    assert "--time-axis" in note
    helper.set_model_props(model, {"stapes.states": "[]"})
    assert not check_model(model, "m").notes
