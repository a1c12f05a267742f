"""Short prompts of one voice, or short noises of one kind, strung together to longer items; the same every time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from .decode import RATE, Audio

PAUSE_SECONDS = (0.15, 0.3)
SPEECH_SECONDS = 10.0
NOISE_SECONDS = 20.0
LEAST_SECONDS = 2.0


@dataclass(frozen=True)
class Clip:
    """One decoded recording: its path inside its package and its samples (S,) float32 at 16 kHz."""

    source: str
    audio: Audio


def generator(*key: object) -> np.random.Generator:
    """Return a random generator that depends on the words of `key` alone (not on the process or the platform)."""
    digest = hashlib.sha256("\0".join(map(str, key)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def join(
    clips: list[Clip], pause_seconds: tuple[float, float], seconds: float, rng: np.random.Generator
) -> list[tuple[list[str], Audio]]:
    """String clips together, in shuffled order, to items of at least `seconds` (the last one may be shorter).

    Returns:
        for each item the paths of its clips, in order, and its samples (S,) float32. A rest of under 2 s is
        appended to the item before it.
    """
    items: list[list[Clip]] = [[]]
    length = 0.0
    for index in rng.permutation(len(clips)):
        if length >= seconds:
            items.append([])
            length = 0.0
        items[-1].append(clips[index])
        length += len(clips[index].audio) / RATE
    if len(items) > 1 and length < LEAST_SECONDS:
        items[-2:] = [items[-2] + items[-1]]
    return [([clip.source for clip in item], _string(item, pause_seconds, rng)) for item in items if item]


def sequence(
    clips: list[Clip], gap_seconds: tuple[float, float], seconds: float, rng: np.random.Generator
) -> tuple[list[str], Audio]:
    """String short noises together, each several times in ever new order, until `seconds` are full.

    Returns:
        the paths of the clips (each once, sorted) and the samples (S,) float32.
    """
    order: list[Clip] = []
    while sum(len(clip.audio) for clip in order) < seconds * RATE:
        order += [clips[index] for index in rng.permutation(len(clips))]
    return sorted(clip.source for clip in clips), _string(order, gap_seconds, rng)


def _string(clips: list[Clip], pause_seconds: tuple[float, float], rng: np.random.Generator) -> Audio:
    pieces: list[Audio] = []
    for clip in clips:
        if pieces:
            pieces.append(np.zeros(round(rng.uniform(*pause_seconds) * RATE), np.float32))
        pieces.append(clip.audio)
    return np.concatenate(pieces)


def voice_folder(source: str) -> str:
    """Return the folder of a recording: different folders of a package were read by different people."""
    return PurePosixPath(source).parent.name
