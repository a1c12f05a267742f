"""Where two engines part: the first frame, in it the first tensor in the order of computation, in it the first index."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from .engines.audio import Run


@dataclass(frozen=True)
class Difference:
    """The first disagreement of an engine with the reference; `utterance` counts within the batch, `index` within the tensor."""

    engine: str
    tensor: str
    utterance: int
    frame: int
    index: int
    expected: int
    got: int

    def __str__(self) -> str:
        return (
            f"{self.engine}: tensor {self.tensor!r}, utterance {self.utterance}, frame {self.frame}, "
            f"index {self.index}: {self.got} instead of {self.expected}"
        )

    def to_json(self) -> dict[str, int | str]:
        return asdict(self)


def first_difference(engine: str, reference: Run, other: Run, hop: int) -> Difference | None:
    """Compare all tensors that both runs have, then the audio; None when every bit agrees."""
    sounds = [{"audio_q15": _framed(run.audio_q15, hop)} for run in (reference, other)]
    return first_tensor_difference(engine, {**reference.tensors, **sounds[0]}, {**other.tensors, **sounds[1]})


def first_tensor_difference(
    engine: str, reference: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]
) -> Difference | None:
    """Compare the tensors (B, T, ...) that both have, in the order of the reference; None when every bit agrees."""
    found: list[tuple[int, int, Difference]] = []
    for order, name in enumerate(name for name in reference if name in other):
        a, b = reference[name], other[name]
        place = _first(a.reshape(*a.shape[:2], -1), b.reshape(*b.shape[:2], -1))
        if place:
            utterance, frame, index, expected, got = place
            found.append((frame, order, Difference(engine, name, utterance, frame, index, expected, got)))
    return min(found, key=lambda entry: entry[:2])[2] if found else None


def _framed(audio: np.ndarray, hop: int) -> np.ndarray:
    frames = -(-audio.shape[1] // hop)
    padded = np.pad(audio, ((0, 0), (0, frames * hop - audio.shape[1])))
    return padded.reshape(len(audio), frames, hop)


def _first(a: np.ndarray, b: np.ndarray) -> tuple[int, int, int, int, int] | None:
    """First place where (B, T, N) arrays differ, by frame, then utterance, then index."""
    if a.shape != b.shape:
        raise ValueError(f"runs of different shape: {a.shape} and {b.shape}")
    differs = a != b
    if not differs.any():
        return None
    frame = int(np.argmax(differs.any(axis=(0, 2))))
    utterance = int(np.argmax(differs[:, frame].any(axis=1)))
    index = int(np.argmax(differs[utterance, frame]))
    return utterance, frame, index, int(a[utterance, frame, index]), int(b[utterance, frame, index])


def sha256_of(audio_q15: np.ndarray) -> str:
    """Hash of samples as little-endian int16, row by row."""
    return hashlib.sha256(np.ascontiguousarray(audio_q15, dtype="<i2").tobytes()).hexdigest()


def snr_db(reference: np.ndarray, other: np.ndarray) -> float:
    """10 log10 of the reference's energy over the difference's; infinite when equal."""
    reference, other = np.asarray(reference, np.float64), np.asarray(other, np.float64)
    noise = float(np.sum((reference - other) ** 2))
    signal = float(np.sum(reference**2))
    return float("inf") if noise == 0.0 else float(10.0 * np.log10(max(signal, 1e-300) / noise))
