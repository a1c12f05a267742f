"""Recordings know their ratio and their noise, and come at any level or ratio that a check asks for."""

import numpy as np
import pytest
from stapes.models.errors import StapesError
from stapes.models.sound_files import q15_to_float, read_audio, write_audio
from stapes.tools.audio import DEMO
from stapes.tools.evaluation.recordings import Recording, by_noise, by_snr, measured_snr, read_noises, recording_of
from stapes.tools.pairs import find_pairs, read_pair


@pytest.fixture(scope="module")
def recording():
    return read(find_pairs(DEMO)[1])


def read(pair, noise=""):
    return recording_of(pair, *read_pair(pair), noise, 16_000)


def named(name, snr_db, noise=""):
    return Recording(name, np.zeros(1, np.int16), np.zeros(1, np.float32), snr_db, noise)


def test_the_ratio_is_that_of_the_mixture(recording):
    # The demo's machine was mixed at 2.5 dB.
    assert recording.snr_db == 2.5


def test_a_corpus_that_names_its_noises_is_believed(tmp_path):
    for kind in ("noisy", "clean"):
        (tmp_path / kind).mkdir()
        write_audio(tmp_path / kind / "test-1.wav", read_audio(DEMO / f"water_{kind}.flac")[:16_000])
    (tmp_path / "pairs.tsv").write_text("name\tsnr_db\tspeaker\tnoise\ntest-1\t5\tcarlo\twater\n")
    (pair,) = find_pairs(tmp_path)
    assert read(pair, read_noises(tmp_path)[pair.name]).noise == "water"
    (tmp_path / "pairs.tsv").write_text("file,noise\n")
    (tmp_path / "pairs.tsv").write_text("file\tlabel\ntest-1\twater\n")
    with pytest.raises(StapesError, match=r"pairs.tsv: has no columns name and noise"):
        read_noises(tmp_path)


@pytest.mark.parametrize("peak_dbfs", [-10.0, -40.0])
def test_a_level_is_that_of_the_peak_and_leaves_the_ratio(recording, peak_dbfs):
    other = recording.at_level(peak_dbfs)
    peak = np.abs(q15_to_float(other.noisy_q15)).max()
    assert 20 * np.log10(peak) == pytest.approx(peak_dbfs, abs=0.03)
    assert measured_snr(other.noisy_q15, other.clean) == pytest.approx(2.5, abs=0.05)
    assert len(other.clean) == len(recording.clean)


@pytest.mark.parametrize("snr_db", [30.0, -20.0])
def test_the_same_noise_comes_at_another_ratio_without_clipping(recording, snr_db):
    other = recording.at_snr(snr_db)
    assert measured_snr(other.noisy_q15, other.clean) == pytest.approx(snr_db, abs=0.05)
    assert np.abs(q15_to_float(other.noisy_q15)).max() < 1.0
    noise = q15_to_float(other.noisy_q15) - other.clean
    before = q15_to_float(recording.noisy_q15) - recording.clean
    assert np.corrcoef(noise, before)[0, 1] > 0.99


def test_silence_has_no_ratio_and_stays_as_it_is():
    silent = Recording("s", np.zeros(100, np.int16), np.zeros(100, np.float32))
    assert silent.at_snr(30.0) is None
    np.testing.assert_array_equal(silent.at_level(-10.0).noisy_q15, silent.noisy_q15)


def test_few_ratios_are_groups_and_many_fall_into_classes():
    few = [named("a", 5.0), named("b", 0.0), named("c", 5.0), named("d", None)]
    assert by_snr(few) == {"0 dB": [1], "5 dB": [0, 2], "no ratio": [3]}
    many = [named(str(i), ratio) for i, ratio in enumerate([-0.1, 0.0, 1.2, 2.3, 3.4, 4.9, 5.0, 6.1, 7.2])]
    assert by_snr(many) == {"-5 to 0 dB": [0], "0 to 5 dB": [1, 2, 3, 4, 5], "5 to 10 dB": [6, 7, 8]}
    assert by_noise([named("a", 0.0, "rain"), named("b", 0.0), named("c", 0.0, "rain")]) == {"rain": [0, 2]}
