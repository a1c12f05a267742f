"""Audio arguments of the commands: files or folders to one padded batch of q15 samples."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from ..firmware_sim.compare import sha256_of
from ..models.audio.transform import SAMPLE_RATE
from ..models.errors import StapesError
from ..models.sound_files import as_q15, float_to_q15, list_audio, read_audio, sound_info

AUDIO = Path(__file__).parent / "audio"
CALIBRATION = AUDIO / "calibration"
DEMO = AUDIO / "demo"
BATCH = 64


@dataclass(frozen=True, eq=False)
class Batch:
    """Files as rows: audio_q15 int16 (B, S) at `rate` Hz, zeros after `lengths[b]` samples."""

    paths: list[Path]
    audio_q15: np.ndarray
    lengths: list[int]
    rate: int = SAMPLE_RATE

    def trimmed(self, audio_q15: np.ndarray) -> list[np.ndarray]:
        """Rows of an output, each as long as its input."""
        return [row[:length] for row, length in zip(audio_q15, self.lengths, strict=True)]

    def sha256(self) -> str:
        """One hash of all inputs, in order."""
        return _joined([sha256_of(row) for row in self.trimmed(self.audio_q15)])

    def hashes(self) -> list[str]:
        """The hash of each input, which is that of a batch of it alone."""
        return [_joined([sha256_of(row)]) for row in self.trimmed(self.audio_q15)]

    def frames(self, hop: int) -> int:
        """What an engine's progress counts: every row as long as the longest."""
        return int(len(self.lengths) * -(-self.audio_q15.shape[1] // hop))

    @property
    def seconds(self) -> float:
        return sum(self.lengths) / self.rate


def _joined(hashes: Sequence[str]) -> str:
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def demo_recordings() -> list[Path]:
    """The noisy recordings that come along."""
    return sorted(DEMO.glob("*_noisy.flac"))


def sound_batch(samples: np.ndarray, rate: int = SAMPLE_RATE) -> Batch:
    """Samples (S,) at `rate` Hz, int16 or float in [-1, 1), as a batch of one row without a file; raises StapesError for others."""
    kind = samples.dtype.kind
    if samples.ndim != 1 or not len(samples) or (samples.dtype != np.int16 and kind != "f"):
        raise StapesError(
            f"audio: an array of {samples.dtype} of shape {samples.shape}; give samples (S,) at {rate} Hz, int16 or float in [-1, 1)"
        )
    if kind == "f" and not (np.abs(samples) <= 1.0).all():
        raise StapesError("audio: samples that are NaN or beyond 1; scale them to [-1, 1)")
    row = samples if kind == "i" else float_to_q15(samples)
    return Batch([], row[None].astype(np.int16), [len(row)], rate)


def read_batch(arguments: Sequence[Path], rate: int = SAMPLE_RATE, refused: dict[Path, str] | None = None) -> Batch:
    """Read sound files, or folders of them, at `rate` Hz; raises StapesError for what is not sound audio.

    With `refused` such files are left out and put there with the reason; the first of them is raised where none is left.
    """
    paths, rows = [], []
    for path in list_audio(arguments):
        try:
            row = as_q15(path, read_audio(path, rate=rate))
        except StapesError as error:
            if refused is None:
                raise
            refused[path] = str(error)
        else:
            paths.append(path)
            rows.append(row)
    if not rows:
        raise StapesError(next(iter((refused or {}).values())))
    longest = max(len(row) for row in rows)
    audio = np.zeros((len(rows), longest), np.int16)
    for index, row in enumerate(rows):
        audio[index, : len(row)] = row
    return Batch(paths, audio, [len(row) for row in rows], rate)


def seconds_of(path: Path) -> float:
    """As the file's head says; 0 for a file that cannot be read, which is told when it is its turn."""
    try:
        about = sound_info(path)
        return float(about.frames / about.samplerate)
    except (OSError, soundfile.SoundFileError, RuntimeError, ZeroDivisionError):
        return 0.0


def in_parts(batch: Batch, size: int = BATCH) -> list[Batch]:
    """The batch in parts of at most `size` files, each as long as its longest file."""
    parts = []
    for start in range(0, len(batch.lengths), size):
        lengths = batch.lengths[start : start + size]
        audio = batch.audio_q15[start : start + size, : max(lengths)]
        parts.append(Batch(batch.paths[start : start + size], audio, lengths, batch.rate))
    return parts
