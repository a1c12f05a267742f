"""Audio files in and out: mono, at the rate of a path, float32 in [-1, 1), and the device's q15."""

from __future__ import annotations

import hashlib
import io
import math
import os
import struct
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

from .audio.transform import SAMPLE_RATE
from .errors import Remark, StapesError
from .files import write_whole

SUFFIXES = (".wav", ".flac", ".ogg", ".aiff", ".aif", ".mp3")
STREAMED_SIZE = 0xFFFFFFFF
# Lower rates do not hold speech: a damaged header, whose few samples would become hours.
LOWEST_RATE = 1000
_WORDS = {
    "PCM_S8": "8-bit",
    "PCM_U8": "8-bit",
    "PCM_24": "24-bit",
    "PCM_32": "32-bit",
    "FLOAT": "float",
    "DOUBLE": "double",
}


class SoundInfo(NamedTuple):
    """The rate in Hz, the number of samples of a channel, and soundfile's name of their form."""

    samplerate: int
    frames: int
    subtype: str


def float_to_q15(audio: np.ndarray) -> np.ndarray:
    """Float in [-1, 1) -> int16, halves rounded up, saturating."""
    scaled = np.floor(np.asarray(audio, dtype=np.float64) * 32768.0 + 0.5)
    return np.clip(scaled, -32768, 32767).astype(np.int16)


def as_q15(path: str | os.PathLike[str], audio: np.ndarray) -> np.ndarray:
    """The samples of a file that `read_audio` gave -> int16; a warning says when they were not 16-bit, or too loud."""
    subtype = sound_info(path).subtype
    if subtype != "PCM_16":
        warnings.warn(f"{path}: {_WORDS.get(subtype, subtype)} samples converted to 16-bit", Remark, stacklevel=2)
    beyond = int(np.count_nonzero(np.abs(audio) > 1.0))
    if beyond:
        warnings.warn(f"{path}: {beyond} samples beyond full scale clipped", Remark, stacklevel=2)
    return float_to_q15(audio)


def q15_to_float(samples_q15: np.ndarray) -> np.ndarray:
    """int16 -> float32 in [-1, 1), exact."""
    return np.asarray(samples_q15, dtype=np.float32) / np.float32(32768.0)


def read_audio(path: str | os.PathLike[str], most: int | None = None, rate: int = SAMPLE_RATE) -> np.ndarray:
    """Samples of a file: (S,) float32, mono, at `rate` Hz, no more than its first `most`; a warning says when channels were averaged
    or the rate was changed. Memory and time go with what is read, not with the file.

    Raises StapesError when the file is missing, empty, cut off, not audio, below 1000 Hz, or holds NaN or Inf.
    """
    path = Path(path)
    _require_sound_file(path)
    try:
        # A name need not be UTF-8, so libsndfile gets its bytes.
        with _without_notes_of_mpg123(path), soundfile.SoundFile(os.fsencode(path)) as file:
            own_rate, expected = file.samplerate, file.frames
            _require_rate(path, own_rate)
            if most is not None:
                # A resampled sample sees a few milliseconds of what follows.
                expected = min(expected, math.ceil(most * own_rate / rate) + own_rate // 10)
            audio = file.read(-1 if most is None else expected, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError, MemoryError, ValueError, OverflowError) as error:
        raise _no_audio(path) from error
    if len(audio) < expected:
        raise StapesError(f"{path}: cut off after {len(audio)} of {expected} samples; copy the file again")
    if len(audio) == 0:
        raise StapesError(f"{path}: holds no samples; record or copy it again")
    if not np.isfinite(audio).all():
        raise StapesError(f"{path}: holds NaN or Inf samples; write it again as 16-bit PCM")
    return _to_mono(path, audio, own_rate, rate)[:most]


def probe_audio(path: str | os.PathLike[str]) -> None:
    """Raise StapesError, as `read_audio`, for a file whose beginning already says that it cannot be read."""
    path = Path(path)
    _require_sound_file(path)
    try:
        info = sound_info(path)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise _no_audio(path) from error
    _require_rate(path, info.samplerate)
    if info.frames == 0:
        raise StapesError(f"{path}: holds no samples; record or copy it again")


def sound_info(path: str | os.PathLike[str]) -> SoundInfo:
    """What the header of a file says. Raises soundfile's own errors."""
    with _without_notes_of_mpg123(Path(path)):
        info = soundfile.info(os.fsencode(path))
    return SoundInfo(info.samplerate, info.frames, info.subtype)


@contextmanager
def _without_notes_of_mpg123(path: Path) -> Iterator[None]:
    """What libsndfile takes for MP3 it gives to libmpg123, which writes a line to standard error for each damaged frame. Those lines
    would stand among the one that we promise, so standard error leads nowhere for that time; the error itself is raised."""
    with path.open("rb") as file:
        begins = file.read(4)
    if begins in (b"RIFF", b"fLaC", b"OggS", b"FORM"):
        yield
        return
    try:
        kept = os.dup(2)
    except OSError:  # No standard error at all.
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _require_rate(path: Path, rate: int) -> None:
    if rate < LOWEST_RATE:
        raise StapesError(
            f"{path}: says {rate} samples a second, speech takes {LOWEST_RATE} or more; write it again with its true rate"
        )


def _no_audio(path: Path) -> StapesError:
    with path.open("rb") as file:
        begins = file.read(4)
    if begins in (b"RIFF", b"fLaC"):
        return StapesError(f"{path}: cannot be read as audio; it is damaged or cut off, copy the file again")
    if begins[:2] == b"PK":
        return StapesError(f"{path}: cannot be read as audio, it is an archive such as .npz; give a WAV or FLAC file")
    return StapesError(f"{path}: cannot be read as audio; convert it to WAV or FLAC")


def _require_sound_file(path: Path) -> None:
    if not path.is_file():
        raise StapesError(f"{path}: no such audio file; check the path")
    if path.stat().st_size == 0:
        raise StapesError(f"{path}: the file is empty; record or copy it again")
    _refuse_truncated_wav(path)


def _to_mono(path: Path, audio: np.ndarray, own_rate: int, rate: int) -> np.ndarray:
    if audio.shape[1] > 1:
        warnings.warn(f"{path}: {audio.shape[1]} channels averaged to one", Remark, stacklevel=3)
    mono = audio.mean(axis=1, dtype=np.float32)
    if own_rate != rate:
        warnings.warn(f"{path}: resampled from {own_rate} to {rate} Hz", Remark, stacklevel=3)
        mono = soxr.resample(mono, own_rate, rate, quality="HQ")
        if len(mono) == 0:
            raise StapesError(f"{path}: too short to be resampled to {rate} Hz; give a longer recording")
    return np.ascontiguousarray(mono, dtype=np.float32)


def _refuse_truncated_wav(path: Path) -> None:
    """libsndfile reads what is left of a WAV file without a word, so the size of the data chunk is compared with the file's."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        if size < 12 or file.read(4) != b"RIFF":
            return
        file.seek(12)
        while len(header := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", header)
            if name == b"data":
                if length not in (0, STREAMED_SIZE) and file.tell() + length > size:
                    raise StapesError(
                        f"{path}: cut off, its header promises {length} bytes of samples and {size - file.tell()} are there; "
                        "copy the file again"
                    )
                return
            file.seek(length + (length & 1), os.SEEK_CUR)


def write_audio(path: str | os.PathLike[str], audio: np.ndarray, rate: int = SAMPLE_RATE) -> None:
    """Write (S,) float in [-1, 1) or int16 q15 as a 16-bit mono WAV file of `rate` Hz; a failure leaves no partial file."""
    write_whole(path, audio_bytes(audio, rate=rate))


def audio_bytes(audio: np.ndarray, kind: str = "WAV", rate: int = SAMPLE_RATE, marked: bool = False) -> bytes:
    """(S,) float in [-1, 1) or int16 q15 -> a 16-bit mono file of `rate` Hz, of `kind` WAV or FLAC.

    With `marked` a comment holds the hash of the samples, so that `is_marked` knows the file again: in WAV behind the samples, in
    FLAC, which has its comments in front, before them.
    """
    samples_q15 = audio if audio.dtype == np.int16 else float_to_q15(audio)
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate, 1, subtype="PCM_16", format=kind) as file:
        if marked and kind == "FLAC":
            file.comment = _mark(samples_q15)
        file.write(samples_q15)
        if marked and kind == "WAV":
            file.comment = _mark(samples_q15)
    return buffer.getvalue()


def _mark(samples_q15: np.ndarray) -> str:
    return f"stapes sha256:{hashlib.sha256(samples_q15.astype('<i2').tobytes()).hexdigest()}"


def is_marked(path: str | os.PathLike[str]) -> bool:
    """Whether a sound file holds the samples that were written into it with `audio_bytes(..., marked=True)`."""
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            if file.subtype != "PCM_16" or file.channels != 1:
                return False
            return bool(file.comment == _mark(file.read(dtype="int16")))
    except (soundfile.SoundFileError, RuntimeError, MemoryError, ValueError):
        return False


def list_audio(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Files and folders (searched to any depth) -> audio files, in the order given, each folder sorted by name.

    Raises StapesError for a path that does not exist and for a folder without audio.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
            if not inside:
                raise StapesError(f"{path}: no audio files ({', '.join(SUFFIXES)}) in this folder; give another one")
            found.extend(inside)
        elif path.is_file():
            found.append(path)
        else:
            raise StapesError(f"{path}: no such file or folder; check the path")
    if not found:
        raise StapesError("no audio was given; name files or folders")
    return found
