"""The metrics give known figures for known signals, and a reason instead of a crash for the rest."""

import sys

import numpy as np
import pytest
import soxr
from stapes.models.errors import StapesError
from stapes.models.sound_files import read_audio
from stapes.tools import metrics, pesq_process
from stapes.tools.audio import DEMO

RATE = 16000


@pytest.fixture(scope="module")
def clean():
    return read_audio(DEMO / "machine_clean.flac").astype(np.float64)


@pytest.fixture(scope="module")
def noisy():
    return read_audio(DEMO / "machine_noisy.flac").astype(np.float64)


def orthogonal_noise(signal, ratio_db, seed=0):
    noise = np.random.default_rng(seed).standard_normal(len(signal))
    noise -= signal * (noise @ signal) / (signal @ signal)
    return noise * np.sqrt((signal @ signal) / (noise @ noise) * 10 ** (-ratio_db / 10))


@pytest.mark.parametrize("ratio_db", [-10.0, 0.0, 5.0, 30.0])
def test_si_sdr_of_orthogonal_noise_is_its_ratio(clean, ratio_db):
    processed = clean + orthogonal_noise(clean, ratio_db)
    assert metrics.si_sdr(clean, processed) == pytest.approx(ratio_db, abs=1e-9)


def test_si_sdr_does_not_see_the_scale(clean):
    processed = clean + orthogonal_noise(clean, 7.0)
    assert metrics.si_sdr(clean, 0.01 * processed) == pytest.approx(7.0, abs=1e-6)


def test_identical_recordings_have_the_best_figures(clean):
    result = metrics.measure(clean, clean)
    assert result["pesq_wb"] > 4.5
    assert result["stoi"] == pytest.approx(1.0, abs=1e-6)
    assert result["estoi"] == pytest.approx(1.0, abs=1e-6)
    assert result["si_sdr"] > 100.0


def test_noise_lowers_every_figure(clean, noisy):
    mixed, pure = metrics.measure(clean, noisy), metrics.measure(clean, clean)
    assert set(mixed) == set(metrics.METRICS)
    assert all(mixed[name] < pure[name] for name in metrics.METRICS)
    assert 1.0 < mixed["pesq_wb"] < 2.0


def test_a_recording_that_breaks_pesq_as_a_whole_is_scored_in_pieces():
    # 60 utterances: ten more than the reference code of PESQ has room for.
    rng = np.random.default_rng(1)
    burst = np.concatenate([0.3 * rng.standard_normal(int(0.5 * RATE)), np.zeros(RATE // 2)])
    clean = np.tile(burst, 60)
    processed = clean + 1e-3 * rng.standard_normal(len(clean))
    value = metrics.pesq_wb(clean, processed)
    first_piece = metrics.pesq_wb(clean[: 20 * RATE], processed[: 20 * RATE])
    assert value == pytest.approx(first_piece, abs=0.1)


def test_twenty_seconds_are_scored_as_a_whole(clean, noisy):
    from pesq import pesq

    long_clean, long_noisy = np.tile(clean, 3)[: 20 * RATE], np.tile(noisy, 3)[: 20 * RATE]
    whole = pesq(RATE, long_clean.astype(np.float32), long_noisy.astype(np.float32), "wb")
    assert metrics.pesq_wb(long_clean, long_noisy) == whole


@pytest.mark.parametrize(
    ("make_clean", "make_processed", "word"),
    [
        (lambda x: 0 * x, lambda x: x, "clean recording is digital silence"),
        (lambda x: x, lambda x: 0 * x, "processed recording is digital silence"),
        (lambda x: x, lambda x: np.where(np.arange(len(x)) == 5, np.nan, x), "NaN"),
        (lambda x: x[:0], lambda x: x[:0], "no samples"),
    ],
)
def test_what_cannot_be_measured_has_a_reason_and_no_value(clean, make_clean, make_processed, word):
    result = metrics.scores(make_clean(clean), make_processed(clean))
    assert all(score.value is None and word in score.reason for score in result.values())


def test_a_crash_of_pesq_takes_one_figure_and_no_more(clean, noisy, monkeypatch):
    whole = metrics.pesq_wb(clean, noisy)
    crashing = (sys.executable, "-c", "import os, signal; os.read(0, 4); os.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setattr(pesq_process, "COMMAND", crashing)
    monkeypatch.setattr(pesq_process, "_serving", {})
    result = metrics.scores(clean, noisy)
    assert result["pesq_wb"] == metrics.Score(None, "PESQ crashes the process that runs it (SIGSEGV)")
    assert result["stoi"].value is not None
    monkeypatch.undo()
    assert metrics.pesq_wb(clean, noisy) == whole


def test_a_recording_of_a_tenth_of_a_second_leaves_only_si_sdr(clean, noisy):
    piece = slice(RATE, RATE + RATE // 10)
    result = metrics.scores(clean[piece], noisy[piece])
    assert result["si_sdr"].value is not None
    assert "quarter of a second" in result["pesq_wb"].reason
    assert "0.4 s" in result["stoi"].reason
    assert "0.4 s" in result["estoi"].reason


def test_one_sample_and_a_click_do_not_crash():
    assert metrics.scores(np.array([0.5]), np.array([0.25]))["pesq_wb"].value is None
    click = np.zeros(RATE)
    click[100] = 1.0
    result = metrics.scores(click, click)
    assert result["pesq_wb"].value is None or result["pesq_wb"].value >= 1.0


@pytest.mark.parametrize("cut", [(0, 1), (1000, 0)], ids=["longer", "shorter"])
def test_recordings_of_different_length_are_refused(clean, cut):
    with pytest.raises(StapesError, match="same length"):
        metrics.measure(clean[cut[1] :], clean[cut[0] :])


def test_the_end_that_a_stream_holds_back_may_be_missing(clean, noisy):
    assert metrics.measure(clean, noisy[:-64]) == metrics.measure(clean[:-64], noisy[:-64])


@pytest.mark.parametrize("delay", [0, 64])
def test_alignment_undoes_a_delay(clean, delay):
    stream = np.concatenate([np.zeros(delay), metrics.with_tail(clean, delay)])[: len(clean) + delay]
    np.testing.assert_array_equal(metrics.aligned(stream, delay), clean)


def test_alignment_works_on_batches(clean):
    batch = np.stack([clean, -clean])
    assert metrics.aligned(metrics.with_tail(batch, 64), 64).shape == batch.shape


@pytest.mark.parametrize("rate", [24000, 44100, 48000])
def test_recordings_of_other_rates_are_heard_at_16_khz(clean, noisy, rate):
    heard = [soxr.resample(audio, RATE, rate, quality="VHQ") for audio in (clean, noisy)]
    found, expected = metrics.measure(*heard, rate), metrics.measure(clean, noisy)
    assert found["pesq_wb"] == pytest.approx(expected["pesq_wb"], abs=0.02)
    assert found["stoi"] == pytest.approx(expected["stoi"], abs=0.001)
    assert found["si_sdr"] == pytest.approx(expected["si_sdr"], abs=0.1)


def test_no_wide_band_is_measured_at_8_khz(clean, noisy):
    heard = [soxr.resample(audio, RATE, 8000, quality="VHQ") for audio in (clean, noisy)]
    found = metrics.scores(*heard, ("pesq_wb", "stoi"), 8000)
    assert found["pesq_wb"] == metrics.Score(None, "recordings of 8000 Hz hold no wide band")
    assert found["stoi"].value > 0.5
