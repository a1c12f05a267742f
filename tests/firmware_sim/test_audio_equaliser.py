"""The equaliser: integers against float, C against numpy, and what a listener may count on when it is silent."""

import json

import numpy as np
import pytest
from stapes.firmware_sim.audio.twin import start
from stapes.models.audio import SoundPath
from stapes.models.audio.equaliser import with_equaliser
from stapes.models.audio.stage import from_table
from stapes.models.audio.transform import Transform
from stapes.models.errors import StapesError
from stapes.models.pipeline import FloatPipeline
from stapes.quantize.audio import stage_params

from tests.firmware_sim.audio_c import BUILDS, assert_equal_stages
from tests.firmware_sim.audio_signals import extremes
from tests.firmware_sim.equaliser_paths import PATHS, SECTIONS, TEN, equaliser_of, equaliser_path, section
from tests.helpers import sound_path_of

ONE_Q25 = 1 << 25


def run(equaliser, sound_q25, transform=None):
    """(B, S) -> (B, S) through the integer twin, whole hops."""
    transform = transform or Transform()
    twin, hop = start(equaliser, transform, len(sound_q25)), transform.hop
    blocks = [sound_q25[:, n : n + hop] for n in range(0, sound_q25.shape[1] - hop + 1, hop)]
    return np.concatenate([twin.step({"sound_q25": block})["sound_q25"] for block in blocks], axis=1)


def dbfs(error):
    return 10 * np.log10(np.mean(np.square(error)) + 1e-30)


@pytest.mark.parametrize("name", SECTIONS)
def test_integers_follow_float(name):
    """Noise at -12 dBFS: the error is 90 dB below what sounds, and below -100 dBFS."""
    equaliser, transform = equaliser_of(SECTIONS[name]), Transform()
    rng = np.random.default_rng(0)
    sound_q25 = np.round(rng.standard_normal((1, 12800)) * ONE_Q25 * 10 ** (-12 / 20)).astype(np.int64)
    expected = equaliser.start(transform, 1).run({"sound": sound_q25 / ONE_Q25})["sound"]
    error = run(equaliser, sound_q25) / ONE_Q25 - expected
    assert dbfs(expected) - dbfs(error) > 90
    assert dbfs(error) < -100


@pytest.mark.parametrize("name", SECTIONS)
def test_what_was_loud_leaves_no_tone_behind(name):
    """Squares, DC and random signs at full scale, then silence: after the ring of the sharpest section, float's own rest aside."""
    equaliser, transform, samples = equaliser_of(SECTIONS[name]), Transform(), 19200
    time = np.arange(samples)
    signs = np.random.default_rng(1).choice([-1, 1], samples)
    loud = np.stack([np.where(time // 37 % 2, 1, -1), np.ones(samples, np.int64), signs]) * ONE_Q25
    loud[:, 1600:] = 0
    silent = run(equaliser, loud) / ONE_Q25 - equaliser.start(transform, 3).run({"sound": loud / ONE_Q25})["sound"]
    assert 20 * np.log10(np.abs(silent[:, -3200:]).max() + 1e-30) < -100


def test_silence_stays_silence():
    for sections in SECTIONS.values():
        assert not run(equaliser_of(sections), np.zeros((1, 640), np.int64)).any()


def test_what_is_beyond_any_room_is_saturated_and_comes_back():
    """32 times full scale through 16 boosts: no wild swing, and a moment later the integers follow float again."""
    equaliser = equaliser_of(SECTIONS["16 boosts"])
    rng = np.random.default_rng(2)
    sound = rng.standard_normal((1, 25600)) * 0.05
    sound[:, :3200] = 31.0 * rng.choice([-1, 1], 3200)
    sound_q25 = np.round(sound * ONE_Q25).astype(np.int64)
    made = run(equaliser, sound_q25) / ONE_Q25
    expected = equaliser.start(Transform(), 1).run({"sound": sound_q25 / ONE_Q25})["sound"]
    assert np.abs(made).max() <= 32
    assert np.abs(expected).max() > 32
    assert dbfs((made - expected)[:, -3200:]) < -100


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("name", PATHS)
def test_c_equals_numpy(audio_library, build, name):
    """Every quantity behind the network, over the extremes, with a reset in mid-stream."""
    sound_path = PATHS[name]
    signals = np.stack(list(extremes(12 * sound_path.hop).values()))
    assert_equal_stages(audio_library(build), sound_path, signals, None, reset_at=8)


@pytest.mark.parametrize("name", ["30 dB at all frequencies", "mixed radix"])
def test_c_equals_numpy_with_a_mask_of_any_values(audio_library, name):
    sound_path, rng = PATHS[name], np.random.default_rng(3)
    signals = np.stack(list(extremes(20 * sound_path.hop).values()))
    low, high = sound_path.mask.known_limits
    masks = rng.choice([low, 0, high], (20, len(signals), sound_path.mask_size))
    assert_equal_stages(audio_library("sanitised"), sound_path, signals, {"mask_q15": masks})


def test_a_stream_in_float_equals_the_whole_file():
    sound_path = PATHS["ten"]
    audio = 0.1 * np.random.default_rng(4).standard_normal(6400)
    stream = FloatPipeline(sound_path)
    blocks = [stream.process(block) for block in np.split(audio, 100)]
    assert np.abs(np.concatenate(blocks) - FloatPipeline(sound_path).run(audio)).max() < 1e-12


def test_a_flat_equaliser_gives_the_bits_of_a_path_without(audio_library):
    from stapes.firmware_sim.audio.path import AudioPath

    signals = np.stack(list(extremes(1280).values()))
    paths = [AudioPath(path, len(signals)) for path in (sound_path_of(), equaliser_path(SECTIONS["flat"]))]
    for t in range(20):
        made = []
        for path in paths:
            path.analyse(signals[:, t * 64 : (t + 1) * 64])
            made.append(path.synthesise())
        assert np.array_equal(*made)


def test_a_path_with_an_equaliser_survives_the_way_to_a_table_and_back():
    for path in PATHS.values():
        assert SoundPath.from_tables(json.loads(json.dumps(path.to_tables()))) == path


def test_an_equaliser_takes_the_place_of_the_one_that_is_there():
    path = with_equaliser(PATHS["ten"], equaliser_of(SECTIONS["flat"]))
    assert path == PATHS["flat"]


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ([], r"sections: 0 of them; give 1 to 16"),
        ([section("peaking", 1000.0)] * 17, r"sections: 17 of them"),
        ([section("peaking", 1000.0, q=0.0)], r"q 0: give 0.1 to 20"),
        ([section("peaking", 1000.0, gain_db=50.0)], r"gain_db 50: give -40 to 40"),
        ([section("high_pass", 100.0, gain_db=3.0)], r"gain_db 3: form 'high_pass' has no gain"),
        ([section("peaking", 8000.0)], r"sections\[0\]: frequency 8000: give less than half of the rate of 16000 Hz"),
        ([section("peaking", 5.0)], r"frequency 5: give 10 Hz at least"),
        ([{"form": "notch"}], r"form is 'notch'; it may be peaking"),
        ([{"gain": 3.0}], r"unknown key 'gain' in sections\[0\]"),
        ([{"q": "wide"}], r"sections\[0\].q is 'wide'; it must be a number"),
        ([{"form": "biquad", "coefficients": [1.0, 0.0, 0.0, -2.0, 1.0]}], "the section is unstable"),
        ([{"form": "biquad", "coefficients": [1.0, 0.0, 0.0]}], "give five finite numbers"),
        ([{"form": "biquad", "coefficients": [1e9, 0.0, 0.0, 0.0, 0.0]}], "give five finite numbers up to 64"),
        ([{"form": "biquad", "coefficients": [float("inf")] * 5}], "finite"),
    ],
)
def test_bad_sections_are_refused_in_one_line(sections, words):
    with pytest.raises(StapesError, match=words) as refused:
        equaliser_of(sections)
    assert "\n" not in str(refused.value)


def test_sections_that_rounding_would_make_unstable_are_refused():
    edge = {"form": "biquad", "coefficients": [1.0, 0.0, 0.0, -1.9999999998, 0.9999999999]}
    with pytest.raises(StapesError, match=r"sections\[0\]: its poles are too near to the unit circle for 32 bits"):
        stage_params(equaliser_of([edge]), Transform())


def test_more_gain_than_the_format_holds_is_refused():
    with pytest.raises(StapesError, match="lift the sound by"):
        stage_params(equaliser_of([section("high_shelf", 1000.0, 30.0)] * 8), Transform())


def test_a_section_before_a_narrow_inverse_is_refused():
    tables = [*PATHS["ten"].to_tables()]
    del tables[-3]
    with pytest.raises(StapesError, match=r"put 'wide_inverse' before it"):
        SoundPath.from_tables(tables)
    assert from_table({"kind": "equaliser", "sections": TEN}, "").sections[0].form == "high_pass"
