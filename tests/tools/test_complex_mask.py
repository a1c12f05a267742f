"""Every command takes a bundle whose mask is complex."""

import json

import numpy as np
import pytest
import soundfile
from stapes.firmware_sim.compare import snr_db
from stapes.firmware_sim.engines.float_engine import FloatEngine
from stapes.models.sound_files import q15_to_float
from stapes.tools.bench.material import speech_in_noise
from stapes.tools.commands.inspect import OBJECTIONABLE_MS
from stapes.tools.commands.quantize import _against_float


def noisy(folder):
    """Two seconds of speech in noise with its clean partner's name, one second each."""
    audio = speech_in_noise(2.0, seed=21).reshape(2, -1)
    for name, row in zip(("a_noisy", "b_noisy"), audio, strict=True):
        soundfile.write(folder / f"{name}.wav", row, 16_000)
        soundfile.write(folder / f"{name.replace('noisy', 'clean')}.wav", row // 2, 16_000)
    return folder / "a_noisy.wav"


def test_simulate_writes_the_golden_vectors(stapes, bundle_of, tmp_path):
    bundle = bundle_of("complex", "w8a16")
    vectors = bundle.vectors()
    assert vectors["features"].shape[1:] == (771,)
    assert vectors["mask"].shape[1:] == (514,)
    soundfile.write(tmp_path / "in.wav", vectors["audio_in_q15"], 16_000)
    for engine in ("native", "numpy"):
        done = stapes("simulate", bundle.folder, tmp_path / "in.wav", "-o", tmp_path / "out.wav", "--engine", engine)
        assert done.code == 0, done
        np.testing.assert_array_equal(soundfile.read(tmp_path / "out.wav", dtype="int16")[0], vectors["audio_out_q15"])
    assert np.ptp(vectors["audio_out_q15"]) > 1000


def test_regress_holds_the_output_and_not_the_mask_to_the_recipe(stapes, bundle_of, tmp_path):
    bundle = bundle_of("complex", "w8a16")
    done = stapes("regress", bundle.folder, noisy(tmp_path), "--engine", "native", "--json")
    document = json.loads(done.stdout)
    assert document["identical"] is True
    assert "mask_snr_db" in bundle.recipe.thresholds
    assert set(document["thresholds"]) == {"output_snr_db", "pesq_drop"}
    assert document["thresholds"]["output_snr_db"]["value"] > 30


def test_quantising_it_tells_how_it_sounds_before_how_far_the_mask_is(bundle_of):
    bundle = bundle_of("complex", "w8a16")
    vectors, quality = bundle.vectors(), bundle.manifest["quality"]
    audio = q15_to_float(vectors["audio_in_q15"])[None]
    expected = FloatEngine(bundle.float_onnx, bundle.sound_path).trace_float(audio)["output"][0]
    sound = snr_db(expected, q15_to_float(vectors["audio_out_q15"]))
    assert quality["vectors_output_snr_db"] == pytest.approx(sound, abs=0.01)
    assert quality["vectors_output_snr_db"] != quality["vectors_snr_db"]
    said = _against_float(bundle)
    assert said.startswith(f"{sound:.1f} dB SNR of the sound")
    assert f"{quality['vectors_snr_db']:.1f} dB of the mask" in said
    real = bundle_of("published", "w8a8")
    assert _against_float(real).startswith(f"{real.manifest['quality']['vectors_snr_db']:.1f} dB SNR of the network")


def test_inspect_says_that_the_latency_is_too_long_for_an_ear(stapes, bundle_of):
    done = stapes("inspect", bundle_of("complex", "w8a16").folder)
    assert done.code == 0, done
    assert "too long for a hearing aid" in " ".join(done.stdout.replace("│", " ").split())
    document = json.loads(stapes("inspect", bundle_of("complex", "w8a16").folder, "--json").stdout)
    assert document["latency_ms"] == 32.0 > OBJECTIONABLE_MS
    assert document["hop_ms"] == 16.0
    short = stapes("inspect", bundle_of("published", "w8a8").folder)
    assert "too long" not in " ".join(short.stdout.split())


def test_evaluate_compares_it_with_float_and_the_usual_wiener_filter(stapes, bundle_of, tmp_path):
    noisy(tmp_path)
    done = stapes(
        "evaluate",
        bundle_of("complex", "w8a16").folder,
        "--corpus",
        tmp_path,
        "--engine",
        "native",
        "--jobs",
        1,
        "--json",
    )
    assert done.code == 0, done
    document = json.loads(done.stdout)
    assert {"noisy", "wiener", "float", "integer"} <= set(document["systems"])
