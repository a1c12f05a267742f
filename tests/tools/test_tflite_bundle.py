"""`stapes quantize model.tflite`: a bundle like any other, with the integers of the file, on every engine."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from stapes.export.tflite.foreign import translate, with_pairs
from stapes.firmware_sim.network import NetworkSimulator
from stapes.quantize.graph import DTYPES, to_codes
from stapes.tools.bench.tflite_file import mixed_file, packed, unpacked
from stapes.tools.bundle import load_bundle, sha256
from stapes.tools.engines import make_network_engine
from stapes.tools.library import golden
from stapes.tools.library.tflite_network import AS_IN_THE_FILE

from tests.firmware_sim.tflm import oracle
from tests.machine import lacking

FILES = Path(__file__).parents[1] / "export" / "tflite_files"


@pytest.fixture(scope="module", autouse=True)
def few_frames():
    """Of golden vectors, where no test asks for more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(golden, "FRAMES", 20)
        yield


@pytest.fixture(scope="module")
def theirs(once):
    """A folder with `net.tflite`, a history, a convolution, an LSTM and a pair of state ends, and the bundle `b` made of it."""
    from stapes.tools.library.quantize import quantize

    def fill(folder):
        folder.mkdir()
        (folder / "net.tflite").write_bytes(mixed_file(1))
        with pytest.warns(match="states: lstm/h = lstm/h_out, lstm/c = lstm/c_out, past = later, h = mean"):
            quantize(folder / "net.tflite", folder / "b", states=["h=mean"])

    return once("theirs", fill)


@pytest.mark.parametrize("engine", ["native", "tflm", "cortex-m7"])
def test_engines_have_the_bits_of_the_golden_vectors(engine, theirs):
    if reason := lacking(engine):
        pytest.skip(reason)
    bundle = load_bundle(theirs / "b")
    vectors, runner = bundle.vectors(), make_network_engine(engine, bundle)
    runner.start(1, trace=False)
    for x, y in zip(vectors["x"], vectors["y"], strict=True):
        made = runner.step({"x": x.reshape(1, 1, 1, 8)})
        np.testing.assert_array_equal(made["y"].reshape(-1), y)


def test_the_manifest_says_what_it_was_made_of(theirs):
    bundle = load_bundle(theirs / "b")
    manifest = bundle.manifest
    assert manifest["source"] == "tflite"
    assert manifest["checkpoint"] == {"file": "net.tflite", "sha256": sha256((theirs / "net.tflite").read_bytes())}
    assert (manifest["name"], manifest["calibration"]["files"], manifest["saturation"]) == ("net", [], {})
    assert bundle.recipe == AS_IN_THE_FILE
    assert manifest["quality"]["vectors_snr_db"] > 25


def test_frames_in_and_frames_out(stapes, theirs, tmp_path):
    frames = np.random.default_rng(2).normal(0, 0.7, (12, 8)).astype(np.float32)
    np.savez(tmp_path / "frames.npz", x=frames)
    run = ("simulate", theirs / "b", tmp_path / "frames.npz", "-o", tmp_path / "out.npz", "--engine", "numpy")
    assert stapes(*run).code == 0
    with np.load(tmp_path / "out.npz", allow_pickle=False) as out:
        assert {name: array.shape for name, array in out.items()} == {"y": (12, 1, 6)}


def test_inspect_and_export_know_it(stapes, theirs, tmp_path):
    told = json.loads(stapes("inspect", theirs / "b", "--json").stdout)
    assert (told["recipe"], told["overflow_free"]) == ("as_in_the_file", True)
    assert ["h", "mean"] in told["states"]
    assert stapes("export", theirs / "b", "-o", tmp_path / "c").code == 0
    assert (tmp_path / "c" / "net.h").is_file()


def test_frames_of_the_user_become_golden_vectors(stapes, tmp_path):
    frames = np.random.default_rng(3).normal(0, 1, (30, 12)).astype(np.float32)
    np.savez(tmp_path / "frames.npz", x=frames)
    given = ("--state", "h=gru", "--calibration", tmp_path / "frames.npz")
    done = stapes("quantize", FILES / "gru_int16.tflite", "-o", tmp_path / "b", *given)
    assert done.code == 0, done.stderr
    assert "states: h = gru" in done.stderr
    assert "differ in format: carried as the second, a QUANTIZE makes the first of it" in done.stderr
    bundle = load_bundle(tmp_path / "b")
    expected = to_codes(bundle.graph.tensors["x"], frames[:20]).reshape(20, -1)
    np.testing.assert_array_equal(bundle.vectors()["x"], expected)
    assert bundle.manifest["calibration"]["files"][0]["file"] == "frames.npz"
    assert bundle.manifest["quality"]["vectors_snr_db"] > 60


def test_golden_vectors_are_what_tflm_makes_of_the_file_itself(stapes, tmp_path):
    assert stapes("quantize", FILES / "lstm_int8.tflite", "-o", tmp_path / "b").code == 0
    bundle = load_bundle(tmp_path / "b")
    (x,), (y,) = bundle.graph.inputs, bundle.graph.outputs
    interpreter = oracle().Interpreter.from_bytes((FILES / "lstm_int8.tflite").read_bytes(), arena_size=1 << 16)
    for given, made in zip(bundle.vectors()[x], bundle.vectors()[y], strict=True):
        tensor = bundle.graph.tensors[x]
        interpreter.set_input(np.ascontiguousarray(given.reshape(tensor.shape), DTYPES[tensor.dtype]), 0)
        interpreter.invoke()
        np.testing.assert_array_equal(interpreter.get_output(0).reshape(-1), made)


REFUSED = {
    "float": ("dense_float", (), "a float .tflite"),
    "hybrid": ("dense_hybrid", (), "dynamic range"),
    "a recipe": ("gru_int8", ("--recipe", "w8a8"), "leave out --recipe"),
    "a network's name": ("gru_int8", ("--model", "gtcrn"), "leave out --model"),
    "a time axis": ("gru_int8", ("--time-axis", "1"), "leave out --time-axis"),
    "no pair": ("gru_int8", ("--state", "h"), "write INPUT=OUTPUT"),
    "a pair that is not there": ("gru_int8", ("--state", "h=z"), "outputs y, gru"),
    "a pair twice": ("gru_int8", ("--state", "h=gru", "--state", "h=gru"), "named twice"),
    "a pair of other shapes": ("gru_int8", ("--state", "x=gru"), "(1, 1, 12)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_go_with_a_file_is_refused_in_one_line(case, stapes, tmp_path):
    name, options, message = REFUSED[case]
    assert message in stapes("quantize", FILES / f"{name}.tflite", "-o", tmp_path / "b", *options).error
    assert not (tmp_path / "b").exists()


def test_a_file_under_a_wrong_name_and_a_folder_are_told_so(stapes, tmp_path):
    (tmp_path / "net.onnx").write_bytes((FILES / "gru_int8.tflite").read_bytes())
    error = stapes("quantize", tmp_path / "net.onnx", "-o", tmp_path / "b").error
    assert "net.onnx: a TensorFlow Lite model, not ONNX; call it .tflite" in error
    (tmp_path / "folder.tflite").mkdir()
    assert "folder.tflite: a folder, and" in stapes("quantize", tmp_path / "folder.tflite", "-o", tmp_path / "b").error
    assert not (tmp_path / "b").exists()


def test_a_pair_that_nobody_named_is_offered(stapes, tmp_path):
    done = stapes("quantize", FILES / "gru_int8.tflite", "-o", tmp_path / "b")
    assert "no pair was taken for a state; of one shape are h=gru: name states by --state" in done.stderr


OWN = [("zoo", "w8a16"), ("published", "w8a8"), ("complex", "w8a16")]


@pytest.mark.parametrize(("network", "recipe"), OWN)
def test_a_file_that_stapes_wrote_comes_back_as_it_was(network, recipe, stapes, bundle_of, tmp_path):
    source = bundle_of(network, recipe).folder / "model.tflite"
    assert stapes("quantize", source, "-o", tmp_path / "b", "--name", "again").code == 0
    assert (tmp_path / "b" / "model.tflite").read_bytes() == source.read_bytes()
    refused = stapes("quantize", source, "-o", tmp_path / "c", "--state", "a=b").error
    assert "its states are known" in refused


@pytest.mark.parametrize(("network", "recipe"), OWN)
def test_a_file_that_stapes_wrote_has_its_bits_without_its_description(network, recipe, bundle_of):
    """As any other tool's, which tells nothing of regions and states."""
    bundle = bundle_of(network, recipe)
    model = unpacked(bundle.tflite)
    model.metadata = []
    graph, _ = with_pairs(translate(packed(model)), bundle.graph.states)
    assert (graph.inputs, graph.outputs, graph.states) == (
        bundle.graph.inputs,
        bundle.graph.outputs,
        bundle.graph.states,
    )
    vectors, simulator = bundle.vectors(), NetworkSimulator(graph, 1)
    for frame in range(20):
        given = {name: vectors[name][frame].reshape(1, *graph.tensors[name].shape) for name in graph.inputs}
        for name, made in simulator.step(given).items():
            np.testing.assert_array_equal(made.reshape(-1), vectors[name][frame])


def test_a_file_stands_in_an_audio_path_as_well(bundle_of, tmp_path):
    from stapes.firmware_sim.engines.numpy_engine import NumpyNetwork
    from stapes.firmware_sim.engines.pipeline import Pipeline
    from stapes.tools.library.quantize import quantize

    bundle = bundle_of("zoo", "w8a16")
    noise = np.random.default_rng(4).integers(-8000, 8000, 8000).astype(np.int16)
    file, end = bundle.folder / "model.tflite", bundle.sound_path
    made = quantize(file, tmp_path / "b", front_end=end, calibration=noise, name="ear").bundle
    heard = [Pipeline(b.require_sound_path(), NumpyNetwork(b.graph)).run(noise[None, :640]) for b in (made, bundle)]
    np.testing.assert_array_equal(heard[0].audio_q15, heard[1].audio_q15)
    assert made.manifest["quality"]["vectors_output_snr_db"] > 40
