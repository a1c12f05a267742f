"""The float pipeline: the stream and the whole file are one thing."""

import numpy as np
import pytest
from stapes.models.audio.front_end import with_front_end
from stapes.models.audio.inverse import istft
from stapes.models.errors import StapesError
from stapes.models.pipeline import FloatPipeline

from tests.helpers import OWN_CONFIG, PUBLISHED_CONFIG, random_network, sound_path_of, speech_like
from tests.models.gtcrn.networks import random_gtcrn

CONFIGS = {
    "published": PUBLISHED_CONFIG,
    "own": OWN_CONFIG,
    "compressed": {**OWN_CONFIG, "features": "compressed", "gain_input": False, "fc_dim": 32, "narrow_dim": 0},
    "asymmetric": {**OWN_CONFIG, "n_fft": 256, "analysis": 256},
    "one small layer": {**PUBLISHED_CONFIG, "num_layers": 1, "hidden_dim": 20},
}


def signal(kind):
    if kind == "silence":
        return np.zeros(16000)
    if kind == "speech":
        return speech_like(1.2)
    return np.concatenate([np.zeros(4800), speech_like(0.8, level_db=-35.0), np.zeros(4800)])


@pytest.mark.parametrize("kind", ["silence", "speech", "between silences"])
@pytest.mark.parametrize("name", CONFIGS)
def test_stream_equals_whole_file(name, kind):
    network = random_network(CONFIGS[name])
    sound_path = network.config.sound_path()
    audio = signal(kind)
    pipeline = FloatPipeline(sound_path, network)
    whole = pipeline.run(audio)
    stream = np.concatenate([pipeline.process(block) for block in audio.reshape(-1, sound_path.hop)])
    assert np.abs(whole - stream).max() < 1e-6
    pipeline.reset()
    again = np.concatenate([pipeline.process(block) for block in audio.reshape(-1, sound_path.hop)])
    assert np.array_equal(stream, again)


@pytest.mark.parametrize("kind", ["silence", "speech", "between silences"])
def test_stream_equals_whole_file_with_a_complex_mask(kind):
    network = random_gtcrn()
    audio = signal(kind)
    audio = audio[: len(audio) // 256 * 256]
    pipeline = FloatPipeline(network.sound_path(), network)
    whole = pipeline.run(audio)
    assert (np.abs(whole).max() > 0.01) == (kind != "silence")
    for _ in range(2):
        stream = np.concatenate([pipeline.process(block) for block in audio.reshape(-1, 256)])
        assert np.abs(whole - stream).max() < 1e-5
        pipeline.reset()


def test_a_complex_mask_turns_and_scales_the_spectrum():
    sound_path = sound_path_of(analysis=512, synthesis=512, hop=256, features="complex")
    spectrum = np.array([[1 + 2j, -3j]])
    values = {"spectrum": spectrum, "mask": np.array([[0.5, 0.0, 0.0, 1.0]])}
    turned = sound_path.filter.start(sound_path.transform, 1).step(values)["filtered"]
    assert np.array_equal(turned, [[0.5 + 1j, 3 + 0j]])


def test_without_a_network_and_without_a_wiener_filter_the_path_is_a_delay():
    audio = speech_like(1.0)[: 256 * 60]
    pipeline = FloatPipeline(sound_path_of(analysis=512, synthesis=512, hop=256, features="complex"))
    stream = np.concatenate([pipeline.process(block) for block in audio.reshape(-1, 256)])
    assert np.abs(stream[256:] - audio[:-256]).max() < 1e-12
    assert np.abs(stream - pipeline.run(audio)).max() < 1e-12
    assert set(pipeline.trace(audio)) == {"spectrum", "features", "output"}


def test_batch_equals_each_utterance_alone():
    network = random_network(OWN_CONFIG)
    pipeline = FloatPipeline(network.config.sound_path(), network)
    audio = np.stack([signal("speech")[:16000], signal("silence"), signal("between silences")[:16000]])
    together = pipeline.run(audio)
    for row, alone in zip(together, audio, strict=True):
        assert np.abs(row - pipeline.run(alone)).max() < 1e-6


def test_length_that_is_no_multiple_of_the_hop_is_kept():
    audio = speech_like(1.0)[:15999]
    pipeline = FloatPipeline(sound_path_of())
    assert pipeline.run(audio).shape == (15999,)
    assert np.abs(pipeline.run(audio)[:15900] - pipeline.run(speech_like(1.0))[:15900]).max() < 1e-12


def test_without_a_network_the_path_is_the_wiener_filter():
    audio = speech_like(2.0, noise_db=-30.0)
    pipeline = FloatPipeline(sound_path_of())
    trace = pipeline.trace(audio)
    assert "mask" not in trace
    quiet = slice(int(0.15 * 16000), int(0.28 * 16000))
    assert np.std(trace["output"][0][quiet]) < 0.4 * np.std(audio[quiet])


def test_mask_floor_bounds_what_the_network_takes_away():
    network = random_network(OWN_CONFIG)
    network.fc2.bias.data.fill_(-50.0)
    network.fc2.weight.data.zero_()
    sound_path = network.config.sound_path()
    audio = speech_like(1.0)
    floored, wiener = FloatPipeline(sound_path, network).run(audio), FloatPipeline(sound_path).run(audio)
    assert np.abs(floored - 0.1 * wiener).max() < 1e-9


def test_mask_on_the_noisy_spectrum_leaves_the_wiener_filter_out_of_the_path():
    network = random_network({**OWN_CONFIG, "mask_on": "noisy"})
    network.fc2.bias.data.fill_(50.0)
    network.fc2.weight.data.zero_()
    pipeline = FloatPipeline(network.config.sound_path(), network)
    audio = speech_like(1.0)
    assert np.abs(pipeline.run(audio)[64:] - audio[:-64]).max() < 1e-9
    stream = np.concatenate([pipeline.process(block) for block in audio.reshape(-1, 64)])
    assert np.abs(stream[64:] - audio[:-64]).max() < 1e-9


def test_in_clear_speech_the_mask_does_not_go_below_the_wiener_gain():
    network = random_network({**OWN_CONFIG, "mask_on": "noisy"})
    network.fc2.bias.data.fill_(-50.0)
    network.fc2.weight.data.zero_()
    sound_path = with_front_end(network.config.sound_path(), {"clear_snr_db": 12.0})
    clear = np.concatenate([1e-4 * np.random.default_rng(0).standard_normal(4000), speech_like(3.0, noise_db=-60.0)])[
        :51200
    ]
    trace = FloatPipeline(sound_path, network).trace(clear)
    heard = trace["clarity"][0] == 1
    assert 0.2 < heard.mean() < 1
    floored = trace["spectrum"] * np.maximum(sound_path.filter.floor, trace["clarity"][..., None] * trace["gain"])
    assert np.abs(trace["output"] - istft(floored, sound_path.transform)[:, : len(clear)]).max() < 1e-12
    stream = FloatPipeline(sound_path, network)
    assert np.abs(np.concatenate([stream.process(b) for b in clear.reshape(-1, 64)]) - trace["output"][0]).max() < 1e-9


def test_trace_names_everything_a_calibration_needs():
    network = random_network(OWN_CONFIG)
    trace = FloatPipeline(network.config.sound_path(), network).trace(np.zeros((2, 640)))
    shapes = {name: value.shape for name, value in trace.items()}
    assert shapes == {
        "spectrum": (2, 10, 65),
        "features": (2, 10, 130),
        "power": (2, 10, 65),
        "gain": (2, 10, 65),
        "gain2": (2, 10, 65),
        "clarity": (2, 10),
        "speech": (2, 10),
        "silent": (2, 10),
        "mask": (2, 10, 65),
        "output": (2, 640),
    }


def test_network_behind_the_wrong_front_end_is_refused():
    with pytest.raises(StapesError, match="130 features"):
        FloatPipeline(sound_path_of(), random_network(OWN_CONFIG))
    with pytest.raises(StapesError, match="771 features"):
        FloatPipeline(sound_path_of(analysis=512, synthesis=512, hop=256), random_gtcrn())


def test_block_of_the_wrong_length_is_refused():
    with pytest.raises(StapesError, match="64 samples"):
        FloatPipeline(sound_path_of()).process(np.zeros(63))
