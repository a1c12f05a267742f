"""`stapes stream`: a network of whole recordings in, one of one frame a call out, or one line that says why not."""

import json
from contextlib import contextmanager

import numpy as np
import onnx
import pytest
from onnx import helper
from stapes.models.audio import SoundPath
from stapes.models.errors import StapesError
from stapes.quantize.onnx_reader import check_model
from stapes.quantize.streaming import STEPS
from stapes.tools.library.networks import front_end_of, read_network
from stapes.tools.library.stream import stream

from tests.quantize.onnx_models import make
from tests.quantize.recurrent_models import recurrent


@pytest.fixture
def offline(tmp_path):
    """A convolution over 65 bins that hears one frame of the past and one of the future."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1])]
    model = make(nodes, {"x": (1, 65, "T")}, {"y": (1, 65, "T")}, {"w": np.full((65, 65, 3), 0.01)})
    onnx.save(model, tmp_path / "offline.onnx")
    return tmp_path / "offline.onnx"


def test_the_command_writes_a_stream_and_tells_its_states(stapes, offline, tmp_path):
    done = stapes("stream", offline, "-o", tmp_path / "s.onnx", "--json")
    assert done.code == 0
    told = json.loads(done.stdout)
    assert (told["delay_frames"], [state["shape"] for state in told["states"]]) == (1, [[2, 65]])
    written = check_model(onnx.load(tmp_path / "s.onnx"), "s")
    assert written.metadata["stapes.delay_frames"] == "1"
    table = stapes("stream", offline, "-o", tmp_path / "s.onnx").stdout
    assert "x_history" in table
    assert "1 frames" in table


def test_every_step_of_the_work_is_told_to_who_shows_it(offline, monkeypatch):
    told = []

    @contextmanager
    def show(description, total):
        done = []
        yield done.append
        told.append((description, total, sum(done)))

    monkeypatch.setattr("stapes.tools.progress._shown", [show])
    stream(offline)
    assert read_network(offline, "auto", []).source.states
    assert told == [("making a stream of it", STEPS, STEPS)] * 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-o", "s.tflite"), "give a name that ends in .onnx"),
        (("-o", "s.onnx", "--time-axis", "x"), "write a number"),
        (("-o", "s.onnx", "--time-axis", "9"), "no input has so many axes"),
    ],
)
def test_what_the_command_cannot_take(stapes, offline, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert words in stapes("stream", offline, *arguments).error
    assert [path.name for path in tmp_path.iterdir()] == ["offline.onnx"]


def test_a_path_that_does_not_wait_for_the_stream_is_refused(stapes, offline, tmp_path):
    assert stapes("stream", offline, "-o", tmp_path / "s.onnx").code == 0
    source = check_model(onnx.load(tmp_path / "s.onnx"), "s")
    usual = SoundPath.from_tables(
        [{"kind": kind} for kind in ("transform", "power", "wiener", "log", "mask", "inverse")]
    )
    with pytest.raises(StapesError, match=r"^s: the network's outputs come 1 frames late .* 'look_ahead' of 1 frames$"):
        front_end_of(source, usual, "s")
    source.metadata["stapes.delay_frames"] = "-1"
    with pytest.raises(StapesError, match="no number of frames; make the stream again"):
        front_end_of(source, usual, "s")
    source.metadata["stapes.delay_frames"] = "0"
    assert front_end_of(source, usual, "s") == usual


def test_quantize_makes_the_stream_by_itself_and_says_so(stapes, offline, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "frames.npz", x=rng.standard_normal((40, 1, 65, 1)).astype(np.float32))
    done = stapes("quantize", offline, "-o", tmp_path / "b", "--calibration", tmp_path / "frames.npz")
    assert done.code == 0, done
    said = " ".join(done.stderr.split())
    assert (
        "takes whole recordings; made a stream of one frame a call, its outputs come 1 frames late; states: x_history"
        in said
    )
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    assert manifest["states"] == [["x_history", "x_history_out"]]
    by_hand = tmp_path / "s.onnx"
    assert stapes("stream", offline, "-o", by_hand).code == 0
    assert (tmp_path / "b" / "float.onnx").read_bytes() == by_hand.read_bytes()


def test_quantize_takes_the_time_axis_of_a_file_that_leaves_none_open(stapes, offline, tmp_path):
    model = onnx.load(offline)
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[2].dim_value = 50
    onnx.save(model, tmp_path / "fixed.onnx")
    np.savez(tmp_path / "frames.npz", x=np.random.default_rng(0).standard_normal((40, 1, 65, 1)).astype(np.float32))
    given = ("--calibration", tmp_path / "frames.npz", "--time-axis", "2")
    done = stapes("quantize", tmp_path / "fixed.onnx", "-o", tmp_path / "b", *given)
    assert done.code == 0, done
    assert "states: x_history" in done.stderr
    refused = stapes("quantize", offline, "-o", tmp_path / "c", *given, "--state", "x=y")
    assert "its states are made; leave out --state" in refused.error


def test_a_fixed_length_that_runs_from_the_end_is_told_and_refused_once_its_axis_is_named_as_time(stapes, tmp_path):
    onnx.save(recurrent("LSTM", length=6, inputs=4, size=3, direction="bidirectional"), tmp_path / "both.onnx")
    np.savez(tmp_path / "frames.npz", x=np.random.default_rng(0).standard_normal((20, 6, 1, 4)).astype(np.float32))
    given = ("quantize", tmp_path / "both.onnx", "-o", tmp_path / "b", "--calibration", tmp_path / "frames.npz")
    refused = stapes(*given, "--time-axis", "0")
    assert "LSTM (cell) runs over the recording from its end" in refused.error
    assert not (tmp_path / "b").exists()
    done = stapes(*given)
    assert done.code == 0, done
    assert "over 6 positions: taken for those of one frame" in " ".join(done.stderr.split())


def test_a_node_that_needs_the_whole_recording_is_named(stapes, tmp_path):
    nodes = [helper.make_node("ReduceMean", ["x", "axes"], ["y"], name="over_time", keepdims=1)]
    model = make(nodes, {"x": (1, 4, "T")}, {"y": (1, 4, 1)}, {"axes": np.array([2], np.int64)})
    onnx.save(model, tmp_path / "mean.onnx")
    error = stapes("quantize", tmp_path / "mean.onnx", "-o", tmp_path / "b").error
    assert "over_time" in error
    assert not (tmp_path / "b").exists()
