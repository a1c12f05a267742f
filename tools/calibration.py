"""What a network is calibrated on: recordings through the float front end, or frames from .npz files; only as much as is used is read."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..firmware_sim.compare import sha256_of
from ..models.audio import SoundPath
from ..models.audio.wiring import wire
from ..models.errors import Remark, StapesError
from ..models.files import sha256_of_file
from ..models.pipeline import FloatPipeline
from ..models.sound_files import SUFFIXES, as_q15, list_audio, probe_audio, q15_to_float, read_audio
from ..models.text import file_name, in_short
from ..quantize.calibrate import MAX_FRAMES
from ..quantize.onnx_reader import StreamingOnnx
from .arrays import read_npz
from .audio_files import CALIBRATION, sound_batch

Sequences = list[dict[str, np.ndarray]]

# Files are analysed side by side, padded to the longest: so many frames at a time.
MOST_PADDED_FRAMES = 2 * MAX_FRAMES
# Frames with sound in them, where no stage of the path asks for more.
LEAST_FRAMES = 29
# So many times the usual value of an array, and next to nothing is left of that in 16 bits.
OUT_OF_PROPORTION = 1e6
# What to do about a network that names no front end.
WAYS = (
    "give --front-end FILE.toml for an audio network, "
    "or --calibration FRAMES.npz with one array (frames, values) for each input"
)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Frames for calibration, and where they come from: `files` are (name, hash); `audio_q15` is empty without audio.

    `audio_q15` (1, S): the start of the first recording, with zeros behind it where another one is longer.
    `outlier` says in words where a value lies that is out of all proportion, which recordings of 16 bits do not have; mostly empty.
    """

    sequences: Sequences
    files: list[tuple[str, str]]
    audio_q15: np.ndarray
    outlier: str = ""


def has_frames(given: Path | np.ndarray) -> bool:
    """Whether what was given for calibration is a file of frames, not sound."""
    return isinstance(given, Path) and given.suffix.lower() == ".npz" and given.is_file()


def read_calibration(
    given: list[Path | np.ndarray],
    sound_path: SoundPath | None,
    source: StreamingOnnx,
    vector_samples: int,
    label: str,
) -> Calibration:
    """The calibration data of a network, by default the clips that come along; at most MAX_FRAMES frames, in the order of the files.

    `given` are files, folders, and samples (S,) at the rate of the path, int16 or float in [-1, 1). `label` is what the network is called. Raises StapesError before any work: files that cannot be read, are silent or too short, or do not fit the network.
    """
    paths = [path for path in given if isinstance(path, Path)]
    frames = [path for path in paths if has_frames(path)]
    if sound_path is None:
        if len(paths) < len(given):
            raise StapesError(f"calibration: samples, but {label} names no front end: {WAYS}")
        return _frames(paths, source, label)
    for path in frames:
        raise StapesError(f"{path}: frames, but this network has an audio path; give recordings with --calibration")
    hop, rate = sound_path.hop, sound_path.sample_rate
    fed = wire(sound_path, *source.sizes).inputs
    found: list[Path | np.ndarray] = []
    for sound in given or [CALIBRATION]:
        found += [sound_batch(sound, rate).audio_q15[0]] if isinstance(sound, np.ndarray) else list_audio([sound])
    for sound in found:
        if isinstance(sound, Path):
            probe_audio(sound)
    rows = _recordings(found, hop, rate)
    heard = (sound_path.startup_frames or LEAST_FRAMES) * hop
    if sum(np.count_nonzero(row) for row in rows) < heard:
        seconds = sum(map(len, rows)) / rate
        remedy = "audio with sound in it" if seconds >= 1 else "audio of at least one second"
        told = in_short([_label(sound) for sound in found[: len(rows)]])
        raise StapesError(
            f"calibration: next to nothing but silence in the {seconds:.1f} s of {told} that are used; give {remedy}"
        )
    sequences = []
    for group in _groups(rows, hop):
        analysed = FloatPipeline(sound_path).analyse(q15_to_float(_padded(group)))
        sequences += [
            {name: analysed[q.plain][index, : len(row) // hop].astype(np.float32) for name, q in fed.items()}
            for index, row in enumerate(group)
            if len(row) >= hop
        ]
    if not sequences:
        raise StapesError("calibration: no recording is as long as one frame; give audio of at least one second")
    longest = max(len(row) for row in rows)
    first = np.zeros((1, min(longest, vector_samples)), np.int16)
    first[0, : len(rows[0])] = rows[0][: first.shape[1]]
    return Calibration(sequences, [_origin(sound) for sound in found], first)


def _label(sound: Path | np.ndarray) -> str:
    return str(sound) if isinstance(sound, Path) else "samples in memory"


def _origin(sound: Path | np.ndarray) -> tuple[str, str]:
    """What the manifest says of a recording: its name, and the hash of the file, or of the samples that were given as an array."""
    if isinstance(sound, Path):
        return file_name(sound), sha256_of_file(sound)
    return _label(sound), sha256_of(sound)


def _recordings(found: list[Path | np.ndarray], hop: int, rate: int) -> list[np.ndarray]:
    """int16 (S,) at `rate` Hz each, until MAX_FRAMES hops are there; a note says what was not used."""
    rows: list[np.ndarray] = []
    left = MAX_FRAMES
    for sound in found:
        if left == 0:
            break
        row = as_q15(sound, read_audio(sound, most=(left + 1) * hop, rate=rate)) if isinstance(sound, Path) else sound
        if len(row) // hop > left:
            row = row[: left * hop]
            warnings.warn(
                f"{_label(sound)}: calibration uses its first {len(row) / rate:.0f} s, {MAX_FRAMES} frames in all are enough",
                Remark,
                stacklevel=3,
            )
        rows.append(row)
        left -= len(row) // hop
    if len(rows) < len(found):
        warnings.warn(
            f"calibration: {MAX_FRAMES} frames are enough; {len(found) - len(rows)} of {len(found)} files were not used",
            Remark,
            stacklevel=3,
        )
    return rows


def _groups(rows: list[np.ndarray], hop: int) -> Iterator[list[np.ndarray]]:
    """The rows in order, in groups that stay small when they are padded."""
    group: list[np.ndarray] = []
    for row in rows:
        longest = max(len(other) for other in [*group, row])
        if group and (len(group) + 1) * math.ceil(longest / hop) > MOST_PADDED_FRAMES:
            yield group
            group = []
        group.append(row)
    yield group


def _padded(rows: list[np.ndarray]) -> np.ndarray:
    audio = np.zeros((len(rows), max(map(len, rows))), np.int16)
    for target, row in zip(audio, rows, strict=True):
        target[: len(row)] = row
    return audio


def _frames(paths: list[Path], source: StreamingOnnx, label: str) -> Calibration:
    """Frames of a network that has no audio path, from .npz files with one array (T, ...) an input."""
    if not paths:
        raise StapesError(f"{label}: names no front end: {WAYS}")
    sequences = []
    for path in paths:
        if path.is_dir() or path.suffix.lower() in SUFFIXES:
            raise StapesError(f"{path}: recordings, but {label} names no front end: {WAYS}")
        if not path.is_file():
            raise StapesError(f"{path}: no such file; check the path")
        remedy = f"write the arrays {', '.join(source.inputs)} with numpy.savez"
        arrays = read_npz(path, str(path), remedy, source.inputs)
        for name, array in arrays.items():
            size = math.prod(source.shapes[name])
            if array.ndim and not len(array):
                raise StapesError(f"{path}: array {name!r} holds no frames; {remedy}")
            if array.ndim == 0 or array[0].size != size:
                raise StapesError(f"{path}: array {name!r} has shape {array.shape}, not (frames, {size}); {remedy}")
            if not np.isfinite(array).all():
                raise StapesError(f"{path}: array {name!r} holds NaN or infinity; {remedy}")
        if len({len(array) for array in arrays.values()}) != 1:
            raise StapesError(f"{path}: the arrays have different numbers of frames; {remedy}")
        sequences.append({name: np.asarray(array, np.float32) for name, array in arrays.items()})
    outlier = next(filter(None, map(_outlier, paths, sequences)), "")
    return Calibration(sequences, [_origin(path) for path in paths], np.zeros((1, 0), np.int16), outlier)


def _outlier(path: Path, sequence: dict[str, np.ndarray]) -> str:
    """The largest value of an array, and where it stands, where it is out of proportion to the usual one; else empty."""
    for name, array in sequence.items():
        sizes = np.abs(array.reshape(len(array), -1))
        usual = float(np.median(sizes[sizes > 0])) if sizes.any() else 0.0
        frame = int(sizes.max(axis=1).argmax())
        largest = float(sizes[frame].max())
        if largest > OUT_OF_PROPORTION * usual:
            return (
                f"{path}: frame {frame} of {name!r} holds {largest:.3g}, where half of the values are below {usual:.3g}; "
                "leave it out if it is a mistake"
            )
    return ""
