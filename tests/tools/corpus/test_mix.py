"""Pairs of noisy and clean speech: exact ratios, the same bytes for the same seed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import signal
from stapes.models.errors import StapesError
from stapes.tools.corpus import load_manifest, make_set, mix
from stapes.tools.corpus.decode import RATE
from stapes.tools.corpus.degrade import Degradation
from stapes.tools.corpus.join import generator

from tests.tools.corpus.clips import ratio_db, read


class TestMix:
    @pytest.mark.parametrize("snr_db", [-20.0, -5.0, 0.0, 2.5, 5.0, 17.3, 40.0])
    @pytest.mark.parametrize("noise", ["water", "fire", "steps", "hum"])
    def test_ratio_is_exact_to_a_hundredth_of_a_decibel(self, noise: str, snr_db: float) -> None:
        noisy, clean = mix(read("speech_it_1"), read(f"noise_{noise}"), snr_db, generator(1))
        assert noisy.dtype == clean.dtype == np.float32
        assert abs(ratio_db(noisy, clean) - snr_db) < 0.01
        assert np.abs(noisy).max() <= 1.0

    def test_clean_is_the_speech_up_to_one_gain(self) -> None:
        speech = read("speech_ru_1")
        _, clean = mix(speech, read("noise_water"), -20.0, generator(1))
        gain = np.dot(clean, speech) / np.dot(speech, speech)
        assert gain < 1
        np.testing.assert_allclose(clean, gain * speech, atol=1e-6)

    def test_noise_shorter_than_the_speech_is_repeated(self) -> None:
        short = read("noise_fire")[:4000]
        noisy, clean = mix(read("speech_it_1"), short, 5.0, generator(1))
        noise = noisy - clean
        np.testing.assert_allclose(noise[:4000], noise[4000:8000], atol=1e-6)

    def test_the_generator_decides_which_stretch_of_noise_is_taken(self) -> None:
        speech, noise = read("speech_it_1")[:16000], read("noise_water")
        first, again, other = (mix(speech, noise, 5.0, generator(seed))[0] for seed in (1, 1, 2))
        assert first.tobytes() == again.tobytes()
        assert first.tobytes() != other.tobytes()

    @pytest.mark.parametrize(
        ("speech", "noise", "snr_db", "word"),
        [
            (np.zeros(100, np.float32), np.ones(100, np.float32), 0.0, "speech is silent"),
            (np.ones(100, np.float32), np.zeros(100, np.float32), 0.0, "noise is silent"),
            (np.ones(100, np.float32), np.zeros(0, np.float32), 0.0, "noise is silent"),
            (np.ones(100, np.float32), np.ones(100, np.float32), float("nan"), "no number"),
        ],
    )
    def test_what_cannot_be_mixed_is_refused(
        self, speech: np.ndarray, noise: np.ndarray, snr_db: float, word: str
    ) -> None:
        with pytest.raises(StapesError, match=word):
            mix(speech, noise, snr_db, generator(0))


class TestMakeSet:
    def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(self, corpus: Path) -> None:
        first, again, other = (make_set(corpus, "train", 12, 2.0, [0, 5], seed) for seed in (7, 7, 8))
        assert [m.noisy.tobytes() for m in first] == [m.noisy.tobytes() for m in again]
        assert [m.clean.tobytes() for m in first] == [m.clean.tobytes() for m in again]
        assert [m.noisy.tobytes() for m in first] != [m.noisy.tobytes() for m in other]

    def test_a_pair_does_not_depend_on_how_many_follow(self, corpus: Path) -> None:
        few, many = make_set(corpus, "train", 3, 2.0, [5], 1), make_set(corpus, "train", 9, 2.0, [5], 1)
        assert [m.noisy.tobytes() for m in few] == [m.noisy.tobytes() for m in many[:3]]

    def test_pairs_have_the_length_and_the_ratio_asked_for(self, corpus: Path) -> None:
        for pair in make_set(corpus, "train", 24, 3.0, [-5, 0, 10], 3):
            assert pair.noisy.shape == pair.clean.shape == (3 * RATE,)
            assert pair.snr_db in (-5, 0, 10)
            assert abs(ratio_db(pair.noisy, pair.clean) - pair.snr_db) < 0.01

    def test_only_items_of_the_split_are_used(self, corpus: Path) -> None:
        splits = {item.file: item.split for item in load_manifest(corpus).records}
        for split in ("train", "test"):
            used = {file for pair in make_set(corpus, split, 24, 2.0, [5], 0) for file in pair.files}
            assert used
            assert {splits[file] for file in used} == {split}

    def test_a_silent_stretch_of_a_noise_is_drawn_again(self, corpus: Path, tmp_path: Path) -> None:
        folder = tmp_path / "corpus"
        shutil.copytree(corpus, folder)
        item = next(i for i in load_manifest(folder).items("noise", "train") if i.seconds > 2.0)
        noise, rate = soundfile.read(folder / item.file, dtype="int16")
        noise[len(noise) // 2 :] = 0
        soundfile.write(folder / item.file, noise, rate, subtype="PCM_16")
        for pair in make_set(folder, "train", 16, 0.5, [5], 0, noises=[item.label]):
            assert abs(ratio_db(pair.noisy, pair.clean) - 5) < 0.01

    def test_all_noises_of_the_split_come_up(self, corpus: Path) -> None:
        labels = {pair.noise for pair in make_set(corpus, "train", 60, 0.5, [5], 0)}
        assert labels == {"water", "fire", "babble", "speech-shaped", "white", "pink"}

    def test_only_the_noises_asked_for_come_up(self, corpus: Path) -> None:
        assert {m.noise for m in make_set(corpus, "test", 8, 0.5, [5], 0, ["steps"])} == {"steps"}

    def test_a_noise_of_another_split_is_refused_and_the_known_ones_are_named(self, corpus: Path) -> None:
        with pytest.raises(StapesError, match=r"no test noise 'water'; known: hum, steps, babble"):
            make_set(corpus, "test", 1, 1.0, [5], 0, ["water"])

    def test_babble_without_enough_speakers_is_refused(self, corpus: Path) -> None:
        with pytest.raises(StapesError, match="babble takes 3 test speakers beside the target, there are 0"):
            make_set(corpus, "test", 1, 1.0, [5], 0, ["babble"])

    @pytest.mark.parametrize(("count", "seconds", "snrs"), [(0, 1.0, [5]), (1, 0.0, [5]), (1, 1.0, [])])
    def test_senseless_sizes_are_refused(self, corpus: Path, count: int, seconds: float, snrs: list[float]) -> None:
        with pytest.raises(StapesError, match="at least one pair"):
            make_set(corpus, "train", count, seconds, snrs, 0)

    def test_degraded_pairs_are_of_the_same_recordings_and_come_again_for_the_same_seed(self, corpus: Path) -> None:
        plain = make_set(corpus, "train", 6, 2.0, [5], 2)
        worse, again = (make_set(corpus, "train", 6, 2.0, [5], 2, None, Degradation(1, 1, 1)) for _ in range(2))
        for a, b, c in zip(plain, worse, again, strict=True):
            assert (a.files, a.noise, a.snr_db) == (b.files, b.noise, b.snr_db)
            assert np.array_equal(b.noisy, c.noisy)
            assert np.array_equal(b.clean, c.clean)
            assert not np.array_equal(a.noisy, b.noisy)
            assert np.abs(np.stack([b.noisy, b.clean])).max() < 1

    def test_a_room_is_heard_on_the_noisy_side_and_its_early_part_on_the_clean_side(self, corpus: Path) -> None:
        arguments = corpus, "train", 6, 2.0, [60], 2
        for dry, wet in zip(make_set(*arguments), make_set(*arguments, None, Degradation(room=1)), strict=True):
            tail = wet.noisy - wet.clean
            assert np.mean(tail**2) > 1e-3 * np.mean(wet.clean**2)
            assert np.argmax(signal.correlate(wet.clean, dry.clean)) == len(dry.clean) - 1

    def test_a_narrow_band_and_clipping(self, corpus: Path) -> None:
        for pair in make_set(corpus, "train", 6, 2.0, [0], 2, None, Degradation(band=1)):
            for audio in (pair.noisy, pair.clean):
                power = np.abs(np.fft.rfft(audio)) ** 2
                assert power[len(power) * 78 // 80 :].sum() < 1e-6 * power.sum()
        for pair in make_set(corpus, "train", 6, 2.0, [0], 2, None, Degradation(clip=1)):
            assert np.sum(np.abs(pair.noisy) >= 0.9999 * np.abs(pair.noisy).max()) > 3

    def test_a_fraction_above_one_is_refused(self) -> None:
        with pytest.raises(StapesError, match="room 2"):
            Degradation(room=2)

    def test_a_split_without_speech_is_refused(self, corpus: Path) -> None:
        with pytest.raises(StapesError, match="no validation speech"):
            make_set(corpus, "validation", 1, 1.0, [5], 0)
