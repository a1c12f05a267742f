"""Made-up noise: babble and speech-shaped noise from the speech of one split, white and pink noise from a formula."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from ...models.errors import StapesError
from .decode import LEVEL_DB, RATE, Audio
from .manifest import Item, Manifest

MADE_UP = ("babble", "speech-shaped", "white", "pink")
BABBLE_SPEAKERS = (3, 8)
_SPECTRUM_POINTS = 512
_SPECTRUM_ITEMS = 40
_LOWEST_PINK_HZ = 20.0


def white(samples: int, rng: np.random.Generator) -> Audio:
    """Return Gaussian white noise (S,) float32 at -26 dBFS RMS."""
    return _levelled(rng.standard_normal(samples))


def pink(samples: int, rng: np.random.Generator) -> Audio:
    """Return noise (S,) float32 whose power falls by 3 dB an octave above 20 Hz, at -26 dBFS RMS."""
    hertz = np.fft.rfftfreq(samples, 1 / RATE)
    return _shaped(1 / np.sqrt(np.maximum(hertz, _LOWEST_PINK_HZ)), samples, rng)


def speech_shaped(manifest: Manifest, split: str, samples: int, rng: np.random.Generator) -> Audio:
    """Return Gaussian noise (S,) float32 with the long-term spectrum of a split's speech, at -26 dBFS RMS.

    Raises:
        StapesError: the split has no speech.
    """
    amplitude = long_term_spectrum(manifest.folder, tuple(_spectrum_items(manifest, split)))
    points = np.linspace(0, RATE / 2, len(amplitude))
    return _shaped(np.interp(np.fft.rfftfreq(samples, 1 / RATE), points, amplitude), samples, rng)


@lru_cache(maxsize=8)
def long_term_spectrum(folder: object, items: tuple[Item, ...]) -> NDArray[np.float64]:
    """Return the mean amplitude spectrum (257,) of items, from 0 to 8 kHz, by Welch's method."""
    manifest = Manifest(folder)  # type: ignore[arg-type]
    power = [signal.welch(manifest.read(item), RATE, nperseg=_SPECTRUM_POINTS)[1] for item in items]
    return np.sqrt(np.mean(power, axis=0, dtype=np.float64))


def _spectrum_items(manifest: Manifest, split: str) -> list[Item]:
    """Return up to 40 items, evenly spread over a split's speakers."""
    items = manifest.items("speech", split)
    if not items:
        raise StapesError(f"{manifest.folder}: has no {split} speech, so no speech-shaped noise can be made")
    return items[:: max(len(items) // _SPECTRUM_ITEMS, 1)][:_SPECTRUM_ITEMS]


def babble(
    manifest: Manifest, split: str, samples: int, rng: np.random.Generator, without: frozenset[str] = frozenset()
) -> Audio:
    """Return the sum of 3 to 8 speakers of a split (S,) float32, at -26 dBFS RMS or a peak of 1.

    Every speaker talks from start to end at a level of his own (within 6 dB).

    Args:
        without: speakers that stay silent, such as the one who is to be understood.

    Raises:
        StapesError: the split has fewer than three other speakers.
    """
    voices: dict[str, list[Item]] = {}
    for item in manifest.items("speech", split):
        if item.speaker not in without:
            voices.setdefault(item.speaker, []).append(item)
    least, most = BABBLE_SPEAKERS
    if len(voices) < least:
        raise StapesError(
            f"{manifest.folder}: babble takes {least} {split} speakers beside the target, there are {len(voices)}; "
            "add speakers or leave babble out"
        )
    count = int(rng.integers(least, min(most, len(voices)) + 1))
    total = np.zeros(samples)
    for name in rng.choice(sorted(voices), count, replace=False):
        gain = 10 ** (rng.uniform(-6, 0) / 20)
        total += gain * talk(manifest, voices[name], samples, rng)
    return _levelled(total)


def talk(manifest: Manifest, items: list[Item], samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return items of one speaker, in shuffled order from a random place on, until (S,) is full."""
    pieces: list[Audio] = []
    length = 0
    while length < samples:
        for index in rng.permutation(len(items)):
            piece = manifest.read(items[index])
            pieces.append(piece if pieces else piece[int(rng.integers(len(piece))) :])
            length += len(pieces[-1])
            if length >= samples:
                break
    return np.concatenate(pieces)[:samples].astype(np.float64)


def _shaped(amplitude: NDArray[np.float64], samples: int, rng: np.random.Generator) -> Audio:
    return _levelled(np.fft.irfft(np.fft.rfft(rng.standard_normal(samples)) * amplitude, samples))


def _levelled(x: NDArray[np.float64]) -> Audio:
    gain = 10 ** (LEVEL_DB / 20) / np.sqrt(np.mean(x**2) + 1e-20)
    result: np.ndarray = (x * min(gain, 1 / max(np.abs(x).max(), 1e-9))).astype(np.float32)
    return result
