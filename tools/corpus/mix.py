"""Speech and noise to pairs at an exact signal-to-noise ratio, the same pairs for the same seed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...models.errors import StapesError
from .decode import RATE, Audio, fade
from .degrade import BAND_HZ, CLIP_DB, Degradation, band_limited, clipped, in_room, rms
from .join import PAUSE_SECONDS, generator
from .manifest import Item, Manifest, load_manifest
from .noise import MADE_UP, babble, pink, speech_shaped, white

_PEAK = 0.999
_TRIES = 16


@dataclass(frozen=True)
class Mix:
    """A pair: `noisy` and `clean`, both (S,) float32 at 16 kHz, and what they were made of.

    `noise` is the label of the noise; `files` are the corpus files (speech first) that went into the pair, without
    the speakers of a babble.
    """

    name: str
    noisy: Audio
    clean: Audio
    snr_db: float
    speaker: str
    noise: str
    files: tuple[str, ...]


def mix(speech: Audio, noise: Audio, snr_db: float, rng: np.random.Generator) -> tuple[Audio, Audio]:
    """Add noise to speech at a signal-to-noise ratio: sum(clean^2) / sum((noisy - clean)^2), whole signals.

    A stretch of the noise as long as the speech is taken at random; shorter noise is repeated. Where the sum would
    exceed 0.999, both signals are scaled down together.

    Args:
        speech: (S,) float32.
        noise: (N,) float32.

    Returns:
        noisy and clean, both (S,) float32.

    Raises:
        StapesError: speech or noise is empty or silent, or the ratio is not finite.
    """
    if not np.isfinite(snr_db):
        raise StapesError(f"signal-to-noise ratio {snr_db} dB is no number; give one such as 5")
    speech_power = _power(speech)
    if speech_power == 0:
        raise StapesError("the speech is silent, so no signal-to-noise ratio can be set; give another recording")
    for _ in range(_TRIES):
        stretch = _stretch(noise, len(speech), rng)
        noise_power = _power(stretch)
        if noise_power > 0:
            break
    else:
        raise StapesError("the noise is silent, so no signal-to-noise ratio can be set; give another recording")
    clean = speech.astype(np.float64)
    noisy = clean + stretch * np.sqrt(speech_power / noise_power / 10 ** (snr_db / 10))
    scale = min(1.0, _PEAK / max(np.abs(noisy).max(), np.abs(clean).max()))
    return (noisy * scale).astype(np.float32), (clean * scale).astype(np.float32)


def _power(x: Audio | NDArray[np.float64]) -> float:
    return float(np.mean(x.astype(np.float64) ** 2)) if len(x) else 0.0


def _stretch(noise: Audio, samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    if len(noise) == 0:
        return np.zeros(samples)
    start = int(rng.integers(max(len(noise) - samples, 0) + 1))
    repeats = -(-samples // len(noise))
    return np.tile(noise, repeats)[start : start + samples].astype(np.float64)


class Material(NamedTuple):
    """What pairs of a split are drawn from: speaker -> speech, and label -> noise."""

    manifest: Manifest
    speech: dict[str, list[Item]]
    labels: dict[str, list[Item]]


@dataclass(frozen=True)
class Plan:
    """All that a pair hangs on, besides the corpus and its number; see `make_set`. `noises` are those to draw from."""

    folder: str
    split: str
    seconds: float
    snrs: tuple[float, ...]
    seed: int
    noises: tuple[str, ...]
    degradation: Degradation

    def material(self) -> Material:
        """The corpus as it is now."""
        return _material(load_manifest(self.folder), self.split)

    def pair(self, material: Material, index: int) -> Mix:
        """Pair number `index`."""
        rng = generator(self.seed, self.split, index)
        samples = round(self.seconds * RATE)
        drawn = _draw(material, self.split, index, samples, self.snrs, rng, self.noises)
        # Draws of its own: with and without degradation, a pair is of the same recordings.
        worse = generator(self.seed, self.split, index, "degradation")
        return _make(drawn, self.degradation, rng, worse)


def planned(
    folder: str | Path,
    split: str,
    count: int,
    seconds: float,
    snrs: Sequence[float],
    seed: int,
    noises: Sequence[str] | None = None,
    degradation: Degradation | None = None,
) -> Plan:
    """The plan of `count` pairs; arguments and errors are those of `make_set`."""
    manifest = load_manifest(folder)
    if count < 1 or seconds <= 0 or not snrs:
        raise StapesError(
            f"count {count}, seconds {seconds}, {len(snrs)} ratios: give at least one pair of some length"
        )
    _, speech, labels = _material(manifest, split)
    manifest.require_speech(split)
    wanted = list(noises) if noises is not None else sorted(labels) + list(_possible_made_up(speech))
    for label in wanted:
        if label not in labels and label not in MADE_UP:
            known = ", ".join([*sorted(labels), *MADE_UP])
            raise StapesError(f"{folder}: has no {split} noise {label!r}; known: {known}")
    return Plan(str(folder), split, seconds, tuple(snrs), seed, tuple(wanted), degradation or Degradation())


def _material(manifest: Manifest, split: str) -> Material:
    return Material(
        manifest, _by(manifest.items("speech", split), "speaker"), _by(manifest.items("noise", split), "label")
    )


def make_set(
    folder: str | Path,
    split: str,
    count: int,
    seconds: float,
    snrs: Sequence[float],
    seed: int,
    noises: Sequence[str] | None = None,
    degradation: Degradation | None = None,
) -> list[Mix]:
    """Make pairs of a split's speech and noise; pair i depends on the corpus, the arguments and i alone.

    A speaker is drawn with a probability proportional to the square root of his minutes (so that one long voice
    does not drown the others), a ratio evenly from `snrs`, a noise evenly from `noises`.

    Args:
        folder: a corpus folder.
        split: train, validation or test.
        count: number of pairs.
        seconds: length of each.
        snrs: signal-to-noise ratios in dB.
        seed: of every draw.
        noises: labels of recorded noise and any of babble, speech-shaped, white, pink; all that there are if None.
        degradation: rooms, narrow bands and clipping; the ratio is that of the speech in its room to the noise before the
            other two, and the clean side has of the room what comes early, of the band what is left, and no clipping.

    Raises:
        StapesError: the split lacks speech or a noise that was asked for, or an argument is out of range.
    """
    plan = planned(folder, split, count, seconds, snrs, seed, noises, degradation)
    material = plan.material()
    return [plan.pair(material, index) for index in range(count)]


def _possible_made_up(speech: dict[str, list[Item]]) -> tuple[str, ...]:
    return MADE_UP if len(speech) > 3 else tuple(name for name in MADE_UP if name != "babble")


def _by(items: list[Item], what: str) -> dict[str, list[Item]]:
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(getattr(item, what), []).append(item)
    return groups


def _draw(
    material: Material,
    split: str,
    index: int,
    samples: int,
    snrs: Sequence[float],
    rng: np.random.Generator,
    wanted: Sequence[str],
) -> Mix:
    """What goes into a pair: a Mix whose `noisy` is the noise alone, of any level and length."""
    manifest, speech, labels = material
    speakers = sorted(speech)
    weights = np.sqrt([sum(item.seconds for item in speech[name]) for name in speakers])
    speaker = speakers[int(rng.choice(len(speakers), p=weights / weights.sum()))]
    clean, files = _utterance(manifest, speech[speaker], samples, rng)
    label = wanted[int(rng.integers(len(wanted)))]
    if label in labels:
        noise, file = _recorded(manifest, labels[label], samples, rng)
        files.append(file)
    else:
        noise = _made_up(manifest, split, label, samples, rng, speaker)
    snr_db = float(snrs[int(rng.integers(len(snrs)))])
    return Mix(f"{split}-{index:05d}", noise, clean, snr_db, speaker, label, tuple(files))


def _make(drawn: Mix, degradation: Degradation, rng: np.random.Generator, worse: np.random.Generator) -> Mix:
    speech, early = drawn.clean, drawn.clean
    if worse.random() < degradation.room:
        speech, early = (x.astype(np.float32) for x in in_room(drawn.clean.astype(np.float64), worse))
    noisy, clean = mix(speech, drawn.noisy, drawn.snr_db, rng)
    if early is not speech:
        clean = (early * (rms(clean) / rms(speech))).astype(np.float32)
        scale = min(1.0, _PEAK / np.abs(clean).max())
        noisy, clean = (noisy * scale).astype(np.float32), (clean * scale).astype(np.float32)
    if worse.random() < degradation.band:
        hertz = worse.uniform(*BAND_HZ)
        noisy, clean = (band_limited(x, hertz).astype(np.float32) for x in (noisy, clean))
    if worse.random() < degradation.clip:
        noisy = clipped(noisy, worse.uniform(*CLIP_DB)).astype(np.float32)
    return dataclasses.replace(drawn, noisy=noisy, clean=clean)


def _utterance(
    manifest: Manifest, items: list[Item], samples: int, rng: np.random.Generator
) -> tuple[Audio, list[str]]:
    pieces: list[Audio] = []
    files: list[str] = []
    length = 0
    while length < samples:
        for index in rng.permutation(len(items)):
            if pieces:
                pieces.append(np.zeros(round(rng.uniform(*PAUSE_SECONDS) * RATE), np.float32))
            pieces.append(manifest.read(items[index]))
            files.append(items[index].file)
            length += sum(map(len, pieces[-2:]))
            if length >= samples:
                break
    return fade(np.concatenate(pieces)[:samples]), list(dict.fromkeys(files))


def _recorded(manifest: Manifest, items: list[Item], samples: int, rng: np.random.Generator) -> tuple[Audio, str]:
    weights = np.sqrt([item.seconds for item in items])
    for _ in range(_TRIES):
        item = items[int(rng.choice(len(items), p=weights / weights.sum()))]
        total = round(item.seconds * RATE)
        start = int(rng.integers(max(total - samples, 0) + 1))
        noise = manifest.read(item, start, samples)
        if noise.any():
            break
    return noise, item.file


def _made_up(manifest: Manifest, split: str, label: str, samples: int, rng: np.random.Generator, speaker: str) -> Audio:
    if label == "babble":
        return babble(manifest, split, samples, rng, frozenset({speaker}))
    if label == "speech-shaped":
        return speech_shaped(manifest, split, samples, rng)
    return pink(samples, rng) if label == "pink" else white(samples, rng)
