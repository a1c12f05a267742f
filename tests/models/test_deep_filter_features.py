"""The two inputs of DeepFilterNet in float: the golden frames of its native library, the formula, and what the level does to them."""

import json

import numpy as np
import pytest
from stapes.models.audio import SoundPath, kinds
from stapes.models.audio.running_mean import decay
from stapes.models.audio.transform import Transform
from stapes.models.errors import StapesError
from stapes.models.pipeline import FloatPipeline

from tests.deep_filter_features import FULL_BAND, GOLDEN, features_path, small_path, streamed, with_setting
from tests.firmware_sim.audio_signals import shipped
from tests.helpers import speech_like

needs_golden = pytest.mark.skipif(
    not GOLDEN.is_file(), reason="the golden frames of DeepFilterNet3 are not beside the checkout"
)


@needs_golden
def test_the_features_are_those_of_deepfilternet():
    golden = np.load(GOLDEN)
    made = FloatPipeline(features_path()).analyse(golden["wave_in"])
    assert np.abs(made["feat_erb"][0] - golden["feat_erb"]).max() < 1e-6
    assert np.abs(made["feat_spec"][0].reshape(-1, 2, 96) - golden["feat_spec"]).max() < 1e-6


def test_the_level_of_a_band_is_over_its_running_mean():
    """By the formula, frame after frame: 32 bands, of which the first ones are two bins wide."""
    audio = 0.1 * np.random.default_rng(0).standard_normal((1, 12 * 480))
    made = FloatPipeline(features_path()).analyse(audio)
    power = np.abs(made["spectrum"][0] / 960) ** 2
    mean = -60.0 - 30.0 / 31.0 * np.arange(32)
    widths = features_path().stages[2].widths(FULL_BAND)
    assert (widths[:13].tolist(), widths[-1], widths.sum()) == ([2] * 13, 67, 481)
    for frame, feature in zip(power, made["feat_erb"][0], strict=True):
        edges = np.cumsum(widths) - widths
        level = np.array([10 * np.log10(frame[a : a + w].mean() + 1e-10) for a, w in zip(edges, widths, strict=True)])
        mean = 0.01 * level + 0.99 * mean
        np.testing.assert_allclose(feature, (level - mean) / 40, atol=1e-12)


@pytest.mark.parametrize(("form", "power"), [("root", 0.5), ("mean", 1.0)])
def test_the_spectrum_is_over_the_running_mean_of_its_magnitudes(form, power):
    audio = 0.1 * np.random.default_rng(1).standard_normal((1, 12 * 480))
    made = FloatPipeline(features_path(form=form)).analyse(audio)
    mean = 1e-3 + (1e-4 - 1e-3) / 95 * np.arange(96)
    for frame, feature in zip(made["spectrum"][0, :, :96] / 960, made["feat_spec"][0], strict=True):
        mean = 0.01 * np.abs(frame) + 0.99 * mean
        unit = frame / mean**power
        np.testing.assert_allclose(feature, np.concatenate([unit.real, unit.imag]), atol=1e-12)


def rms(features):
    return np.sqrt(np.mean(features**2))


@pytest.mark.parametrize("gain_db", [-20.0, -10.0, 12.0])
def test_what_the_level_of_the_sound_does_to_each_form(gain_db):
    """g gives sqrt(g) with the root, 1 with the mean and with the level, which begins with the first frame that is not silent."""
    audio = 0.05 * speech_like(5.0, seed=3, noise_db=-20.0)[None]
    gain = 10 ** (gain_db / 20)
    late = slice(400, None)
    settings = {"time_constant": 0.3}
    for form, factor in (("root", np.sqrt(gain)), ("mean", 1.0), ("level", 1.0)):
        once, again = (
            FloatPipeline(small_path(form=form, **settings)).analyse(g * audio)["feat_spec"] for g in (1.0, gain)
        )
        np.testing.assert_allclose(rms(again[:, late]) / rms(once[:, late]), factor, rtol=0.02)
        if form == "level":
            np.testing.assert_allclose(again, once, atol=1e-9)


def test_with_the_level_both_inputs_are_those_of_the_usual_level_from_the_first_frame_on():
    """20 dB softer: as near to each other as the sums in float64 are; without it the bands come only as their mean follows."""
    audio = 0.05 * speech_like(2.0, seed=3, noise_db=-20.0)[None]
    once, soft = (FloatPipeline(small_path(form="level")).analyse(g * audio) for g in (1.0, 0.1))
    for name in ("feat_erb", "feat_spec"):
        np.testing.assert_allclose(soft[name], once[name], atol=1e-9)
    plain = [FloatPipeline(small_path()).analyse(g * audio)["feat_erb"] for g in (1.0, 0.1)]
    assert np.abs(plain[1] - plain[0])[:, 20].max() > 0.3


def test_the_level_starts_above_the_first_frame_and_stays_near_loud_ones():
    """By the rule, frame after frame: noise, then a sound that is 50 dB louder, then the noise again."""
    rng = np.random.default_rng(5)
    audio = np.repeat([1e-3, 0.3, 1e-3], 30 * 160)[None] * rng.standard_normal((1, 90 * 160))
    sound_path = small_path(form="level")
    made = FloatPipeline(sound_path).analyse(audio)
    powers = np.sum(np.abs(made["spectrum"][0, :, :40] / 320) ** 2, axis=-1)
    usual = np.log2(10 ** ((-28 + 5) / 10) * sound_path.transform.window_power / 640)
    level_db = 10 * np.log10(powers[0]) + 22
    for frame, (power, loud) in enumerate(zip(powers, made["loud"][0], strict=True)):
        if frame:
            frame_db = 10 * np.log10(power)
            level_db += (frame_db - level_db) * (0.049 if frame_db > level_db else 0.001)
            level_db = max(level_db, frame_db - 9)
        assert loud == pytest.approx(np.log2(10 ** (level_db / 10)) - usual, abs=1e-9)
    assert made["sound_begins"][0].tolist() == [True] + 89 * [False]


def test_the_level_form_asks_for_the_stage_that_tells_the_level():
    tables = [table for table in small_path(form="level").to_tables() if table["kind"] != "sound_level"]
    with pytest.raises(StapesError, match="reads loud_q16, which no stage makes; put 'sound_level' before it"):
        SoundPath.from_tables(tables)


def test_at_the_usual_level_the_level_changes_next_to_nothing():
    """Speech at an active level of -28 dBov: both forms are within two decibels of each other."""
    audio = shipped("clips/speech_it_1.flac") / 2**15 * 10 ** (-2.5 / 20)  # the clip's is at -25.5 dBov (ITU-T P.56)
    made = [FloatPipeline(small_path(form=form)).analyse(audio)["feat_spec"][:, 100:] for form in ("root", "level")]
    assert abs(20 * np.log10(rms(made[1]) / rms(made[0]))) < 2.0


def test_a_stream_and_a_whole_file_have_the_same_features():
    audio = np.stack([0.2 * speech_like(1.0, seed) for seed in range(3)])
    for form in ("root", "mean", "level"):
        sound_path = small_path(form=form)
        whole, stream = FloatPipeline(sound_path).analyse(audio), streamed(sound_path, audio)
        for name, values in stream.items():
            np.testing.assert_allclose(values, whole[name], atol=1e-12)
            alone = FloatPipeline(sound_path).analyse(audio[1])[name]
            np.testing.assert_allclose(alone[0], whole[name][1], atol=1e-12)


def test_silence_has_no_features_and_does_not_move_the_level():
    quiet = FloatPipeline(small_path(form="level"))
    audio = np.concatenate([np.zeros(16000), 0.1 * speech_like(1.0, seed=1)])[None]
    made = quiet.analyse(audio)
    assert not made["feat_spec"][:, :100].any()
    alone = quiet.analyse(audio[:, 16000:])
    np.testing.assert_allclose(made["feat_spec"][:, 101:], alone["feat_spec"][:, 1:], atol=1e-12)


@pytest.mark.parametrize(
    ("rate", "hop", "seconds", "expected"),
    [(48000, 480, 1.0, 0.99), (16000, 256, 1.0, 0.984), (16000, 64, 10.0, 0.9996), (48000, 480, 0.001, 0.0)],
)
def test_a_mean_is_kept_to_three_decimals_or_more_where_that_would_be_one(rate, hop, seconds, expected):
    assert (
        decay(Transform(sample_rate=rate, analysis=2 * hop, synthesis=2 * hop, hop=hop, window="vorbis"), seconds)
        == expected
    )


def test_the_path_survives_the_way_to_tables_and_back():
    sound_path = with_setting(small_path(form="level"), "unit_spectrum", input="spec")
    sound_path = with_setting(sound_path, "sound_level", level_db=-30.0)
    tables = json.loads(json.dumps(sound_path.to_tables()))
    assert SoundPath.from_tables(tables) == sound_path
    assert tables[2:5] == [
        {"kind": "sound_level", "level_db": -30.0, "bins": 40},
        {"kind": "erb_level", "bands": 16, "level": True},
        {"kind": "unit_spectrum", "bins": 40, "form": "level", "input": "spec"},
    ]
    assert [q.tensor for q in sound_path.given] == ["feat_erb", "spec"]
    assert features_path().to_tables()[2:4] == [{"kind": "erb_level"}, {"kind": "unit_spectrum"}]


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("erb_level", {"bands": 1}, "bands 1: give at least 2"),
        ("erb_level", {"bands": 100}, "bands 100 of at least 2 bins: this transform has 161 bins"),
        ("erb_level", {"time_constant": 0.0}, "time_constant 0.0: give a time above 0 s"),
        ("erb_level", {"input": "feat_spec"}, "feat_erb_q20, feat_spec_q20: one input of the network cannot be 2 quantities"),
        ("erb_level", {"input": ""}, "feat_erb_q20: one input of the network cannot be 2 quantities; name an input for each"),
        ("unit_spectrum", {"bins": 162}, "bins 162: this transform has 161 bins"),
        ("unit_spectrum", {"bins": 1}, "bins 1: give at least 2"),
        ("unit_spectrum", {"form": "power"}, "form 'power': unknown; give one of root, mean, level"),
        ("sound_level", {"level_db": 3.0}, "level_db 3.0: give -60 to 0 dBov"),
        ("sound_level", {"bins": 0}, "bins 0: give at least 1"),
        ("sound_level", {"bins": 162}, "bins 162: this transform has 161 bins"),
        ("unit_spectrum", {"time_constant": 101.0}, "time_constant 101.0: give a time above 0 s, up to 100 s"),
        ("unit_spectrum", {"form": "mean", "time_constant": 50.0}, "time_constant 50.0: an onset after silence would leave the format"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused(kind, settings, message):
    with pytest.raises(StapesError) as caught:
        with_setting(small_path(form="level" if kind == "sound_level" else "root"), kind, **settings)
    assert message in str(caught.value)


def test_both_kinds_stand_in_front_of_the_network():
    order = list(kinds())
    assert max(order.index(kind) for kind in ("erb_level", "unit_spectrum")) < order.index("complex_mask")
