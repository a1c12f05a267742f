"""Noise made on the spot has the spectrum and the level that its name promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stapes.models.errors import StapesError
from stapes.tools.corpus import load_manifest
from stapes.tools.corpus.decode import RATE
from stapes.tools.corpus.join import generator
from stapes.tools.corpus.noise import babble, pink, speech_shaped, white


def band_db(x: np.ndarray, low: float, high: float) -> float:
    power = np.abs(np.fft.rfft(x)) ** 2
    hertz = np.fft.rfftfreq(len(x), 1 / RATE)
    return float(10 * np.log10(power[(hertz >= low) & (hertz < high)].mean()))


class TestMadeUpNoise:
    def test_white_noise_is_flat(self) -> None:
        x = white(4 * RATE, generator(1))
        assert abs(band_db(x, 200, 1000) - band_db(x, 6000, 7000)) < 0.5

    def test_pink_noise_falls_by_three_decibels_an_octave(self) -> None:
        x = pink(4 * RATE, generator(1))
        octaves = [band_db(x, low, 2 * low) for low in (125, 250, 500, 1000, 2000, 4000)]
        np.testing.assert_allclose(np.diff(octaves), -3.01, atol=0.6)

    def test_speech_shaped_noise_has_the_spectrum_of_the_speech(self, corpus: Path) -> None:
        manifest = load_manifest(corpus)
        speech = np.concatenate([manifest.read(item) for item in manifest.items("speech", "test")])
        octaves = (250, 500, 1000, 2000, 4000)
        expected, found = (
            np.array([band_db(x, low, 2 * low) for low in octaves])
            for x in (speech, speech_shaped(manifest, "test", len(speech), generator(1)))
        )
        # Both stand at their own level; only the shape counts.
        np.testing.assert_allclose(found - found.mean(), expected - expected.mean(), atol=0.7)
        assert np.ptp(expected) > 5

    @pytest.mark.parametrize("made", ["white", "pink", "speech-shaped", "babble"])
    def test_level_is_minus_26_dbfs(self, corpus: Path, made: str) -> None:
        manifest = load_manifest(corpus)
        x = {
            "white": lambda: white(2 * RATE, generator(3)),
            "pink": lambda: pink(2 * RATE, generator(3)),
            "speech-shaped": lambda: speech_shaped(manifest, "train", 2 * RATE, generator(3)),
            "babble": lambda: babble(manifest, "train", 2 * RATE, generator(3)),
        }[made]()
        assert x.shape == (2 * RATE,)
        assert x.dtype == np.float32
        assert abs(10 * np.log10(np.mean(x.astype(np.float64) ** 2)) + 26) < 0.05

    def test_babble_leaves_the_target_speaker_out(self, corpus: Path) -> None:
        manifest = load_manifest(corpus)
        assert len({item.speaker for item in manifest.items("speech", "train")}) == 5
        babble(manifest, "train", RATE, generator(0), frozenset({"own-it_1", "own-it_2"}))
        with pytest.raises(StapesError, match="there are 2"):
            babble(manifest, "train", RATE, generator(0), frozenset({"own-it_1", "own-it_2", "own-it_3"}))
