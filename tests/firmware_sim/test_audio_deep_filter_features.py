"""The two inputs of DeepFilterNet in integers: near the float definition at every level, bounded for every signal, at rest in silence."""

import numpy as np
import pytest
from stapes.firmware_sim.audio.path import AudioPath
from stapes.models.pipeline import FloatPipeline

from tests.deep_filter_features import features_path, small_path
from tests.firmware_sim.audio_signals import NOISY, extremes, shipped, to_q15

FORMS = ("root", "mean", "level")


def integers(sound_path, audio_q15, reset_at=None):
    """(B, S) int16 -> what each frame makes, (B, T, ...)."""
    path, frames = AudioPath(sound_path, len(audio_q15)), []
    for t, block in enumerate(np.split(audio_q15, audio_q15.shape[1] // sound_path.hop, axis=1)):
        if t == reset_at:
            path.reset()
        frames.append(path.analyse(block))
    return {name: np.stack([frame[name] for frame in frames], axis=1) for name in frames[0]}


def snr_db(reference, value):
    return 10 * np.log10(np.sum(reference**2) / np.sum((value - reference) ** 2))


def speech(level_db, hop, seconds=4):
    clips = [shipped(name)[: seconds * 16000] / 2**15 for name in NOISY]
    audio = np.stack([clip / np.abs(clip).max() for clip in clips]) * 10 ** (level_db / 20)
    return to_q15(audio[:, : audio.shape[1] // hop * hop])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("make", [features_path, small_path])
def test_features_are_near_the_float_definition_at_every_level(make, form):
    """Speech in noise at a peak of 0, -20 and -40 dBFS: 100 dB for the bands, and for the spectrum what the format has left."""
    sound_path = make(form=form)
    for level_db in (0.0, -20.0, -40.0):
        audio = speech(level_db, sound_path.hop)
        made = integers(sound_path, audio)
        reference = FloatPipeline(sound_path).analyse(audio / 2**15)
        # Powers have 40 bits of fraction: the floor of soft sound has few of them left.
        least = 100 + {"root": 0.0, "mean": 0.0, "level": 2 * level_db / 3}[form]
        assert snr_db(reference["feat_erb"], made["feat_erb_q20"] / 2**20) > least
        least = 90 + {"root": level_db / 2, "mean": 0.0, "level": level_db / 3}[form]
        assert snr_db(reference["feat_spec"], made["feat_spec_q20"] / 2**20) > least


@pytest.mark.parametrize("form", FORMS)
def test_every_value_stays_within_what_it_says(form):
    for sound_path in (small_path(form=form), small_path(form=form, time_constant=0.003)):
        signals = np.stack(list(extremes(100 * sound_path.hop).values()))
        made = integers(sound_path, signals)
        for quantity in sound_path.given:
            low, high = quantity.known_limits
            assert made[quantity.name].min() >= low
            assert made[quantity.name].max() <= high
        assert made["unit_mean_q31"].min() >= 1
        assert made["unit_mean_q31"].max() < 2**31
        assert made["erb_mean_q24"].min() > 0
        assert made["erb_mean_q24"].max() < 51 * 2**24


@pytest.mark.parametrize("form", FORMS)
def test_after_20_seconds_of_zeros_the_means_are_at_their_floor_and_sound_comes_back(form):
    """The bands' mean is that of silence, the spectrum's at least one step; after it features are those of a new start, but for the means."""
    sound_path = small_path(form=form)
    path, noise = AudioPath(sound_path, 1), to_q15(0.05 * np.random.default_rng(4).standard_normal((1, 40 * 160)))
    for block in np.split(noise, 40, axis=1):
        path.analyse(block)
    zeros = [path.analyse(np.zeros((1, 160), np.int16)) for _ in range(3)][-1]
    for kind in ("erb_level", "unit_spectrum"):
        for _ in range(2000):
            zeros |= path.stages[kind].step(zeros)
    assert not zeros["feat_spec_q20"].any()
    assert np.abs(zeros["feat_erb_q20"]).max() <= 1
    assert 1 <= zeros["unit_mean_q31"].min() <= zeros["unit_mean_q31"].max() <= 50
    loud = path.analyse(noise[:, :160])
    for quantity in sound_path.given:
        assert 2**18 < np.abs(loud[quantity.name]).max() < quantity.known_limits[1]


def test_a_mean_without_memory_is_held_by_its_floor_alone():
    """A frame that moves the mean by more than half of the way leaves no dead zone: without the floor a division by zero comes next."""
    made = integers(small_path(time_constant=0.003), np.zeros((2, 30 * 160), np.int16))
    assert (made["unit_mean_q31"][:, -1] == 1).all()


def test_reset_brings_the_start_of_the_means_back():
    sound_path = small_path(form="level")
    audio = speech(-6.0, sound_path.hop, 1)
    twice = integers(sound_path, np.concatenate([audio, audio], axis=1), reset_at=100)
    for values in twice.values():
        np.testing.assert_array_equal(values[:, 100:], values[:, :100])


def test_the_level_keeps_soft_speech_at_the_usual_features():
    """Speech 40 dB softer, on the grid of 16 bits: the features of the loud one within the noise of that grid."""
    loud, soft = (integers(small_path(form="level"), speech(level_db, 160)) for level_db in (-6.0, -46.0))
    late = [made["feat_spec_q20"][:, 100:].astype(float) for made in (loud, soft)]
    assert snr_db(*late) > 25
