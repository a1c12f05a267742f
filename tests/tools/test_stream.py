"""`stapes stream`: a network of whole recordings in, one of one frame a call out, or one line that says why not."""

import json

import numpy as np
import onnx
import pytest
from onnx import helper
from stapes.models.audio import SoundPath
from stapes.models.errors import StapesError
from stapes.quantize.onnx_reader import check_model
from stapes.tools.library.networks import front_end_of

from tests.quantize.onnx_models import make


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
