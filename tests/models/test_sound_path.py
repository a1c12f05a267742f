"""Front end and transforms: windows that reconstruct, values that are checked, a stream that equals the whole file."""

import json

import numpy as np
import pytest
from stapes.models.audio import SoundPath, read_sound_path
from stapes.models.audio.front_end import with_front_end
from stapes.models.audio.inverse import istft
from stapes.models.audio.transform import stft
from stapes.models.errors import StapesError

from tests.helpers import sound_path_of

SIZES = [
    sound_path_of(),
    sound_path_of(analysis=256),
    sound_path_of(analysis=512),
    sound_path_of(analysis=256, synthesis=256, hop=128),
]


def test_one_table_for_a_list_of_stages_is_told_how_to_become_one():
    with pytest.raises(
        StapesError, match=r"stages is one table where a list of them is wanted; in TOML write \[\[stages\]\]"
    ):
        read_sound_path({"stages": {"kind": "transform"}})


@pytest.mark.parametrize("sound_path", SIZES, ids=str)
def test_window_product_is_the_periodic_hann_window(sound_path):
    analysis, synthesis = sound_path.transform.windows()
    n = np.arange(sound_path.transform.synthesis)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / sound_path.transform.synthesis)
    assert np.abs(analysis[-sound_path.transform.synthesis :] * synthesis - hann).max() < 1e-15
    assert analysis.min() >= 0
    assert analysis.max() <= 1 + 1e-15


@pytest.mark.parametrize("sound_path", SIZES, ids=str)
def test_overlap_add_gives_the_input_back_after_the_delay(sound_path):
    audio = np.random.default_rng(1).standard_normal((2, 64 * 50))
    output = istft(stft(audio, sound_path.transform), sound_path.transform)
    delay = sound_path.delay
    assert np.abs(output[:, delay:] - audio[:, :-delay]).max() < 1e-13
    assert np.abs(output[:, :delay]).max() < 1e-13


@pytest.mark.parametrize("sound_path", SIZES, ids=str)
def test_stream_and_whole_file_see_the_same_spectra(sound_path):
    audio = np.random.default_rng(2).standard_normal((3, sound_path.hop * 20))
    stream = sound_path.transform.start(sound_path.transform, 3)
    blocks = np.split(audio, 20, axis=1)
    spectra = np.stack([stream.step({"block": block})["spectrum"] for block in blocks], axis=1)
    assert np.abs(spectra - stft(audio, sound_path.transform)).max() < 1e-12


def test_sqrt_hann_of_128_has_power_64():
    assert sound_path_of().transform.window_power == pytest.approx(64, abs=1e-12)


def test_front_end_survives_the_way_to_a_dict_and_back():
    sound_path = sound_path_of(analysis=256, features="log", gain_input=True, mask_floor_db=-20.0)
    assert SoundPath.from_tables(json.loads(json.dumps(sound_path.to_tables()))) == sound_path
    assert (sound_path.transform.bins, sound_path.feature_size, sound_path.latency, sound_path.delay) == (
        129,
        258,
        128,
        64,
    )


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"analysis": 100}, "analysis"),
        ({"analysis": 64}, "analysis"),
        ({"analysis": 6, "synthesis": 6, "hop": 3}, "analysis 6: .* of the factors 2, 3 and 5 from 16 to 2048"),
        ({"hop": 32}, "hop"),
        ({"sample_rate": 22050}, "sample_rate"),
        ({"features": "mel"}, "features"),
        ({"mask_floor_db": 3.0}, "^mask_floor_db 3.0: "),
        ({"mask_on": "speech"}, "mask_on 'speech': unknown; give one of wiener, noisy"),
        ({"clear_snr_db": 12.0}, "clear_snr_db"),
        ({"clear_snr_db": -1.0, "mask_on": "noisy"}, "clear_snr_db -1.0: give 0 to 60"),
        ({"gamma_max": 0.5}, "gamma_max"),
        ({"startup_frames": 0}, "startup_frames"),
        ({"colour": 1}, "colour"),
        ({"hop": None}, "hop is None; it must be a whole number"),
    ],
)
def test_front_end_that_cannot_work_is_refused(values, word):
    with pytest.raises(StapesError, match=word):
        read_sound_path(values)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"on": "speech"}, r"stages\[4\] \(mask\): on 'speech': unknown"),
        ({"floor_db": 3.0}, r"\(mask\): floor_db 3.0: give"),
    ],
)
def test_a_stage_is_told_of_by_the_names_of_its_own_settings(settings, words):
    tables = sound_path_of().to_tables()
    tables[4].update(settings)
    with pytest.raises(StapesError, match=words):
        SoundPath.from_tables(tables)


def test_a_change_of_a_setting_is_told_of_by_its_key():
    with pytest.raises(StapesError, match=r"^mask_floor_db 3\.0: give a negative number"):
        with_front_end(sound_path_of(), {"mask_floor_db": 3.0})


def test_a_complex_front_end_has_neither_wiener_gain_nor_floor():
    sound_path = sound_path_of(analysis=512, synthesis=512, hop=256, features="complex")
    assert (sound_path.feature_size, sound_path.mask_size) == (771, 514)
    assert (sound_path.latency, sound_path.delay) == (512, 256)
    assert SoundPath.from_tables(json.loads(json.dumps(sound_path.to_tables()))) == sound_path
    for wrong in ({"gain_input": True}, {"mask_floor_db": -20.0}):
        with pytest.raises(StapesError, match="complex features have neither"):
            sound_path_of(features="complex", **wrong)
