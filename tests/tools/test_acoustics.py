"""The acoustics of a bundle: what is known of a path is what is measured, and what is put into one is found."""

import json

import numpy as np
import pytest
from stapes.models.audio import SoundPath
from stapes.models.audio.controls import with_controls
from stapes.models.sound_files import float_to_q15, q15_to_float
from stapes.tools.acoustics import HARMONIC_HZ, LOUD, measured, run_open, signals, sound_pressure

from tests.helpers import sound_path_of

RATE = 16_000


def opened(
    sound_path: SoundPath, calibration_db: float | None = None
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What goes in and what comes out with the reduction off."""
    given = {
        name: q15_to_float(float_to_q15(signal)).astype(np.float64)
        for name, signal in signals(RATE, calibration_db).items()
    }
    made = run_open(sound_path, np.stack([float_to_q15(signal) for signal in given.values()]))
    return given, dict(zip(given, q15_to_float(made).astype(np.float64), strict=True))


@pytest.fixture(scope="module")
def usual():
    return opened(sound_path_of())


def test_with_its_reduction_off_the_usual_path_is_flat_and_adds_nothing(usual):
    found = measured(*usual, RATE)
    assert np.abs(found.response.gain_db).max() < 0.005
    assert found.response.hertz[0] < 130
    assert found.response.hertz[-1] > 6000
    assert found.delay_samples == 64
    assert found.silence_db == -200
    # No more than rounding the input to 16 bits has put there already.
    assert found.noise_db < -97
    assert max(found.harmonics_percent.values()) < 0.01
    assert found.products_percent < 0.02


def test_a_volume_is_found_in_the_response():
    tables = with_controls(sound_path_of(), ["volume"]).to_tables()
    tables[-1]["gain_db"] = -7.5
    found = measured(*opened(SoundPath.from_tables(tables)), RATE)
    assert np.abs(np.array(found.response.gain_db) + 7.5).max() < 0.01
    assert found.delay_samples == 64


def test_distortion_that_is_put_in_is_found(usual):
    given, made = usual
    bent = {name: 0.9 * signal + 0.4 * signal**2 + 0.2 * signal**3 for name, signal in made.items()}
    found = measured(given, bent, RATE)
    a = 10 ** (-12 / 20)
    second, third, first = 0.4 * a**2 / 2, 0.2 * a**3 / 4, 0.9 * a + 0.2 * 3 * a**3 / 4
    for hertz in HARMONIC_HZ:
        assert found.harmonics_percent[hertz] == pytest.approx(100 * np.hypot(second, third) / first, rel=0.01)
    half = a / 2
    difference, triples, ones = 0.4 * half**2, 0.2 * 0.75 * half**3, 0.9 * half + 0.2 * half**3 * (0.75 + 1.5)
    expected = 100 * np.sqrt(difference**2 + 2 * triples**2) / (np.sqrt(2) * ones)
    assert found.products_percent == pytest.approx(expected, rel=0.01)


def test_noise_that_is_put_in_is_found(usual):
    given, made = usual
    noise = 10 ** (-70 / 20) * np.random.default_rng(0).standard_normal(2 * RATE)
    found = measured(given, {name: signal + noise for name, signal in made.items()}, RATE)
    assert found.silence_db == pytest.approx(-70, abs=0.2)
    assert found.noise_db == pytest.approx(-70, abs=0.2)


@pytest.mark.parametrize(
    ("gain_db", "calibration_db", "maximum"), [(-7.5, 110.0, 82.5), (20.0, 100.0, 102.4), (0.0, 80.0, 80.0)]
)
def test_noise_and_maximum_output_in_sound_pressure(gain_db, calibration_db, maximum):
    """90 dB SPL less 7.5; 20 dB more than fit below full scale, so that a clipped sine sounds; full scale where that is less than 90."""
    tables = with_controls(sound_path_of(), ["volume"]).to_tables()
    tables[-1]["gain_db"] = gain_db
    given, made = opened(SoundPath.from_tables(tables), calibration_db)
    way = measured(given, made, RATE)
    found = sound_pressure(way, made[LOUD], RATE, calibration_db)
    assert found.input_db == min(90, calibration_db)
    assert found.maximum_db == pytest.approx(maximum, abs=0.1)
    assert found.silence_db is None
    assert found.noise_db == pytest.approx(way.noise_db + calibration_db + 3.01, abs=0.01)
    assert np.abs(np.array(found.output_db) - maximum).max() < 0.5


def test_a_path_that_lets_nothing_through_says_so(usual):
    given, made = usual
    found = measured(given, {name: 0.0 * signal for name, signal in made.items()}, RATE)
    assert found.delay_samples is None
    assert np.isnan(found.products_percent)


def test_the_command_prints_and_draws_what_the_library_measures(stapes, bundle_of, tmp_path):
    bundle = bundle_of("zoo", "w8a16")
    picture = tmp_path / "acoustics.png"
    told = json.loads(stapes("inspect", bundle.folder, "--acoustics", "--plot", picture, "--json").stdout)
    assert told["latency_ms"] == 8.0
    assert told["open"]["delay_samples"] == 64
    assert told["running"]["silence_db"] == -200
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "pressure" not in told
    shown = stapes("inspect", bundle.folder, "--acoustics", "--calibration-db", "110").stdout
    assert "maximum output of a sweep of 90 dB SPL" in shown
    assert "8 ms with a hop of buffering" in shown
    assert "harmonics of 1600 Hz" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--plot", "a.png"), "--plot draws the acoustics: give --acoustics too"),
        (("--acoustics", "--device"), "--acoustics tells of the sound alone"),
        (("--acoustics", "--plot", "a.svg"), "a.svg: pictures are PNG files"),
        (("--calibration-db", "110"), "--calibration-db ties the acoustics to dB SPL: give --acoustics too"),
        (("--acoustics", "--calibration-db", "nan"), "--calibration-db nan: give the level of a sine of full scale"),
    ],
)
def test_options_that_do_not_go_together(stapes, bundle_of, options, message):
    assert message in stapes("inspect", bundle_of("zoo", "w8a16").folder, *options).error
