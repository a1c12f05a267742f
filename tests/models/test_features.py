"""Features: levels that drop out, ranges that hold, silence that changes nothing."""

import numpy as np
import pytest
from stapes.models.pipeline import FloatPipeline

from tests.helpers import sound_path_of, speech_like


def features_of(audio, **fields):
    return FloatPipeline(sound_path_of(**fields)).analyse(audio)["features"]


def test_magnitudes_are_those_of_the_filtered_spectrum():
    audio = speech_like(1.0)
    out = FloatPipeline(sound_path_of()).analyse(audio)
    assert np.abs(out["features"] - np.abs(out["spectrum"]) * out["gain"]).max() < 1e-12


@pytest.mark.parametrize("kind", ["log", "compressed"])
def test_level_of_the_input_drops_out(kind):
    audio = speech_like(2.0, noise_db=-30.0)
    loud, soft = features_of(audio, features=kind), features_of(audio * 2.0**-5, features=kind)
    # A lone bin of the soft one may reach the floor of the logarithm.
    assert np.mean(np.abs(loud - soft) > 1e-3) < 1e-3


def test_gains_stand_behind_the_features():
    audio = speech_like(1.0)
    out = FloatPipeline(sound_path_of(features="log", gain_input=True)).analyse(audio)
    assert out["features"].shape[-1] == 130
    assert np.array_equal(out["features"][..., 65:], out["gain"])
    assert np.array_equal(out["features"][..., :65], features_of(audio, features="log"))


def test_log_and_compressed_features_are_one_function_of_the_same_octaves():
    audio = speech_like(1.0)
    octaves = 8 * features_of(audio, features="log")
    assert np.allclose(features_of(audio, features="compressed"), np.minimum(2 ** (0.15 * octaves), 8), rtol=1e-9)


@pytest.mark.parametrize(("kind", "low", "high"), [("log", -4, 4), ("compressed", 0, 8)])
def test_ranges_hold_for_any_input(kind, low, high):
    rng = np.random.default_rng(0)
    audio = np.concatenate([np.zeros(2000), 1e-6 * rng.standard_normal(4000), rng.uniform(-1, 1, 8000), np.zeros(2000)])
    audio[9000:9100] = 1.0
    features = features_of(audio, features=kind)
    assert features.min() >= low
    assert features.max() <= high


def test_level_is_set_by_the_first_sound_moves_by_a_256th_and_freezes_in_silence():
    sound_path = sound_path_of(features="log")
    extractor = sound_path.before[-1].start(sound_path.transform, 1)

    def step(power, silent):
        return extractor.step(
            {"power": np.full((1, 65), power), "gain": np.ones((1, 65)), "silent": np.array([silent])}
        )["features"]

    step(0.0, True)
    assert extractor.level.octaves[0] == -38.0
    assert np.all(step(2.0**-10, False) == 0)
    assert extractor.level.octaves[0] == -10.0
    step(2.0**-2, False)
    assert extractor.level.octaves[0] == -10.0 + 8 / 256
    step(0.0, True)
    assert extractor.level.octaves[0] == -10.0 + 8 / 256
