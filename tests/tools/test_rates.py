"""Networks at other rates than 16 kHz go the whole way: quantised, simulated, regressed, exported, with one set of bits."""

import json

import numpy as np
import pytest
import soundfile
import torch
from stapes.models.sound_files import float_to_q15
from stapes.tools.engines import make_engine
from stapes.tools.library.quantize import quantize

from tests import machine
from tests.helpers import random_network, speech_like

# rate, transform, hop, windows: DeepFilterNet's, and a usual one at 24 kHz.
PATHS = {
    "48 kHz": {"sample_rate": 48000, "analysis": 960, "synthesis": 960, "hop": 480, "window": "vorbis"},
    "24 kHz": {"sample_rate": 24000, "analysis": 480, "synthesis": 480, "hop": 240},
}


def recording(path, rate, seconds, seed=0):
    """Something like speech at a rate: its pitch goes with it."""
    audio = float_to_q15(speech_like(seconds * rate / 16000, seed=seed))
    soundfile.write(path, audio, rate)
    return path


@pytest.fixture(scope="module", params=PATHS)
def at_rate(request, tmp_path_factory):
    """A small GRU mask with random weights behind a path, quantised; its folder, bundle and rate."""
    settings, folder = PATHS[request.param], tmp_path_factory.mktemp("rates")
    config = {
        "n_fft": settings["analysis"],
        "synthesis": settings["synthesis"],
        "hidden_dim": 16,
        "num_layers": 1,
        "features": "log",
    }
    state = random_network(config).state_dict()
    front_end = {**settings, "features": "log"}
    torch.save({"model_state_dict": state, "model_config": config, "front_end": front_end}, folder / "net.pt")
    rate = settings["sample_rate"]
    calibration = recording(folder / "calibration.wav", rate, 2.0)
    made = quantize(folder / "net.pt", folder / "bundle", calibration=[calibration])
    return folder, made.bundle, rate


def test_the_bits_of_all_engines_are_equal(at_rate):
    folder, bundle, rate = at_rate
    path = recording(folder / "in.wav", rate, 0.5, seed=1)
    audio = soundfile.read(path, dtype="int16")[0][None]
    expected = make_engine("numpy", bundle).run(audio).audio_q15
    assert np.ptp(expected) > 1000
    for engine, needs in (("native", "gcc"), ("tflm", "tflm"), ("cortex-m7", "cortex-m7")):
        if not machine.lacking(needs):
            np.testing.assert_array_equal(make_engine(engine, bundle).run(audio).audio_q15, expected, err_msg=engine)


def test_simulate_takes_and_writes_sound_of_the_rate(at_rate, stapes):
    folder, bundle, rate = at_rate
    path = recording(folder / "heard.wav", rate, 0.4, seed=2)
    done = stapes("simulate", bundle.folder, path, "-o", folder / "out.wav")
    assert (done.code, done.stderr) == (0, "")
    made, found = soundfile.read(folder / "out.wav", dtype="int16")
    assert (found, len(made)) == (rate, round(0.4 * rate))
    other = recording(folder / "other.wav", 16000, 0.4)
    done = stapes("simulate", bundle.folder, other, "-o", folder / "out.wav")
    assert f"resampled from 16000 to {rate} Hz" in done.stderr
    assert soundfile.info(folder / "out.wav").samplerate == rate


def test_regress_inspect_and_evaluate_know_the_rate(at_rate, stapes):
    folder, bundle, rate = at_rate
    pairs = folder / "pairs"
    pairs.mkdir(exist_ok=True)
    recording(pairs / "a_clean.wav", rate, 1.5, seed=3)
    noisy = recording(pairs / "a_noisy.wav", rate, 1.5, seed=3)
    done = stapes("regress", bundle.folder, noisy, "--engine", "native", "--json")
    document = json.loads(done.stdout)
    assert document["identical"] is True
    assert document["engines"]["native"]["seconds"] == 1.5
    done = stapes("evaluate", bundle.folder, "--corpus", pairs, "--engine", "native", "--metrics", "stoi", "--json")
    assert done.code == 0, done
    assert json.loads(done.stdout)["files"][0]["seconds"] == 1.5
    done = stapes("inspect", bundle.folder, "--json")
    hop = bundle.sound_path.hop
    assert json.loads(done.stdout)["latency_ms"] == pytest.approx(2000.0 * hop / rate)


def test_the_exported_program_has_no_cmsis_dsp_in_it(at_rate, stapes):
    folder, bundle, _ = at_rate
    done = stapes("export", bundle.folder, "-o", folder / "c")
    assert done.code == 0, done
    names = {path.name for path in (folder / "c").rglob("*") if path.is_file()}
    assert "stapes_mixed_rfft_q31.c" in names
    assert not {"stapes_rfft_q31.c", "arm_rfft_q31.c"} & names
    for name in names & {"Makefile", "CMakeLists.txt", "README.md"}:
        text = next((folder / "c").rglob(name)).read_text()
        assert "cmsis" not in text.lower(), name
