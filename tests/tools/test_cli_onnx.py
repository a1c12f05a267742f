"""ONNX files on the command line: what stands beside them, which of their inputs are states, and what the user is told."""

import json

import numpy as np
import onnx
import pytest

from tests.quantize.onnx_models import gru
from tests.quantize.test_long_run import mean_of_inputs
from tests.quantize.test_onnx_states import cell


@pytest.fixture
def quantised(stapes, tmp_path):
    """(model or file, arrays, arguments) -> what the command left, and its bundle."""

    def run(model, arrays, *arguments, out="bundle"):
        path = model
        if isinstance(model, onnx.ModelProto):
            path = tmp_path / "net.onnx"
            onnx.save(model, path)
        np.savez(tmp_path / "frames.npz", **arrays)
        folder = tmp_path / out
        done = stapes("quantize", path, "-o", folder, "--calibration", tmp_path / "frames.npz", *arguments)
        return done, folder

    return run


def frames(count, *shape, mean=0.0):
    return (mean + 0.3 * np.random.default_rng(0).standard_normal((count, *shape))).astype(np.float32)


def test_a_bundle_holds_the_weights_wherever_they_stood(stapes, quantised, tmp_path):
    model = gru(np.random.default_rng(0))
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
    onnx.save(model, tmp_path / "one" / "net.onnx")
    beside = {"save_as_external_data": True, "location": "net.onnx.data", "size_threshold": 0}
    onnx.save(model, tmp_path / "two" / "net.onnx", **beside)
    data = {"x": frames(20, 1, 1, 12)}
    bundles = [quantised(tmp_path / p / "net.onnx", data, out=f"bundle_{p}") for p in ("one", "two")]
    assert [done.code for done, _ in bundles] == [0, 0]
    first, second = ({f.name: f.read_bytes() for f in folder.iterdir()} for _, folder in bundles)
    assert first == second
    assert stapes("export", bundles[1][1], "-o", tmp_path / "out", "--to", "onnx").code == 0
    (exported,) = (tmp_path / "out").glob("*.onnx")
    (tmp_path / "two" / "net.onnx.data").unlink()
    onnx.checker.check_model(onnx.load(exported), full_check=True)


def test_signals_in_and_out_are_told_and_the_choice_can_be_turned(quantised):
    model = cell(("spec_in", "h_in"), ("spec_out", "h_out"))
    done, folder = quantised(model, {"spec_in": frames(20, 1, 1, 8)})
    assert done.code == 0
    assert "'spec_in' and 'spec_out' are taken for signals" in done.stderr
    assert json.loads((folder / "manifest.json").read_text())["states"] == [["h_in", "h_out"]]
    done, folder = quantised(model, {"h_in": frames(20, 1, 1, 8)}, "--state", "spec_in=spec_out", out="turned")
    assert done.code == 0, done
    assert json.loads((folder / "manifest.json").read_text())["states"] == [["spec_in", "spec_out"]]


def test_a_state_that_outlives_the_calibration_is_a_note(quantised):
    done, _ = quantised(mean_of_inputs(0.999), {"x": frames(200, 4, mean=1.0)})
    assert done.code == 0
    assert "state 'm_state_out' leaves its range" in done.stderr
    done, _ = quantised(mean_of_inputs(0.9), {"x": frames(200, 4, mean=1.0)}, out="quick")
    assert done.code == 0
    assert "leaves its range" not in done.stderr
