"""A picture shows what it says, and the same signals give the same bytes."""

import matplotlib.image
import numpy as np
import pytest
from stapes.models.errors import StapesError
from stapes.models.sound_files import read_audio
from stapes.tools.audio import DEMO
from stapes.tools.pictures import draw_comparison, level_db, spectrogram_db

RATE = 16000


@pytest.fixture(scope="module")
def signals():
    noisy = read_audio(DEMO / "water_noisy.flac")[: 3 * RATE]
    enhanced = 0.5 * noisy.astype(np.float64)
    return {"noisy": noisy, "float": enhanced, "integer": np.round(enhanced * 32768) / 32768}


def test_the_same_signals_give_the_same_bytes(tmp_path, signals):
    for name in ("a.png", "b.png"):
        draw_comparison(tmp_path / name, "water", signals, "float", "integer")
    first = (tmp_path / "a.png").read_bytes()
    assert first == (tmp_path / "b.png").read_bytes()
    assert b"Software" not in first
    assert b"matplotlib" not in first


def test_the_picture_has_colours_and_a_row_for_each_signal(tmp_path, signals):
    draw_comparison(tmp_path / "three.png", "water", signals, "float", "integer")
    draw_comparison(tmp_path / "four.png", "water", {**signals, "clean": signals["noisy"]}, "float", "integer")
    three, four = (matplotlib.image.imread(tmp_path / name) for name in ("three.png", "four.png"))
    assert four.shape[0] > three.shape[0]
    assert three.shape[1] == four.shape[1] == 1200
    assert len(np.unique(three.reshape(-1, three.shape[2]), axis=0)) > 200


def test_a_name_of_a_file_is_no_formula(tmp_path, signals):
    draw_comparison(tmp_path / "a.png", r"$\frac{x$ {", signals, "float", "integer")
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_a_full_scale_sine_is_0_db_in_its_bin():
    sine = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    level = spectrogram_db(sine)
    assert level.shape[0] == 257
    middle = level[:, level.shape[1] // 2]
    assert np.argmax(middle) == 1000 * 512 // RATE
    assert middle.max() == pytest.approx(0.0, abs=0.01)


def test_levels_are_those_of_20_ms_blocks():
    audio = np.concatenate([np.full(320, 0.1), np.zeros(320), np.full(100, 1.0)])
    assert level_db(audio) == pytest.approx([-20.0, -120.0])


def test_a_recording_shorter_than_a_window_is_refused(tmp_path, signals):
    short = {name: audio[:511] for name, audio in signals.items()}
    with pytest.raises(StapesError, match="at least 512"):
        draw_comparison(tmp_path / "short.png", "short", short, "float", "integer")
    assert not list(tmp_path.iterdir())
