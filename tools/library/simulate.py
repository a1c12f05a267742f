"""Sound or frames through a bundle, on any engine: what the device would play."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from ...firmware_sim.compare import sha256_of
from ...firmware_sim.engines.network import run_network
from ...models.audio import SoundPath
from ...models.audio.controls import AGAIN, Change, read_changes
from ...models.errors import Remark, StapesError
from ...models.files import check_file, check_folder, is_special, made_folders, write_all, write_folder, write_whole
from ...models.schema import read_toml
from ...models.sound_files import SUFFIXES, audio_bytes, is_marked, q15_to_float
from ...quantize.audio.controls import control_track
from ...quantize.graph import to_real
from ..audio_files import Batch, in_parts, read_batch, sound_batch
from ..bundle import Bundle, opened, refuse_inside
from ..engines import make_engine, make_network_engine
from ..frames import Frames, as_frames, npz_bytes, read_stretches, sha256_of_codes
from ..given import given, given_path
from ..metrics import with_tail
from ..network_regression import refuse_sound
from ..progress import progress

# What an output holds, by the end of its name; a pipe or a device has none.
KINDS = {"": "WAV", ".wav": "WAV", ".flac": "FLAC"}
SIGNATURES = {"WAV": b"RIFF", "FLAC": b"fLaC"}
PNG = b"\x89PNG\r\n\x1a\n"
ARRAYS = "the arrays"

Sound = str | os.PathLike[str] | np.ndarray | Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Simulated:
    """One output: of sound `audio_q15` (S,) int16, of a network without an audio path `tensors`, output name -> (T, *shape).

    `tensors` are float32 where the input held real numbers, else codes of each tensor's dtype. `sha256` is that of the samples,
    or of the codes. `input` and `output` are None for what was given as arrays, and not written.
    """

    input: Path | None
    output: Path | None
    sha256: str
    audio_q15: np.ndarray | None = None
    tensors: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Samples of sound, or frames."""
        return len(self.audio_q15 if self.audio_q15 is not None else next(iter(self.tensors.values())))

    def to_json(self) -> dict[str, Any]:
        """Places, length and hash, as `stapes simulate --json` prints them behind its schema."""
        counted = "samples" if self.audio_q15 is not None else "frames"
        places = {"input": str(self.input), "output": str(self.output)}
        return {**places, counted: self.length, "sha256": self.sha256}


@dataclass(frozen=True, eq=False)
class Simulation:
    """What an engine made of all inputs; `audio_seconds` is their length, `seconds` what it took, both None without an audio path.

    `refused` are the files of a folder that could not be read, with the reason: they were left out.
    """

    engine: str
    bundle_sha256: str
    files: tuple[Simulated, ...]
    audio_seconds: float | None = None
    seconds: float | None = None
    refused: Mapping[Path, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """What `stapes simulate --json` prints behind its schema."""
        told: dict[str, Any] = {"engine": self.engine, "bundle_sha256": self.bundle_sha256}
        told["files"] = [made.to_json() for made in self.files]
        if self.audio_seconds is not None and self.seconds is not None:
            told["realtime_factor"] = round(self.audio_seconds / self.seconds, 2)
        told["refused"] = [{"input": str(path), "error": reason} for path, reason in self.refused.items()]
        return told


def simulate(
    bundle: Bundle | str | os.PathLike[str],
    audio: Sound,
    output: str | os.PathLike[str] | None = None,
    *,
    engine: str = "native",
    align: bool = False,
    controls: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    plot: str | os.PathLike[str] | None = None,
) -> Simulation:
    """Run the device's pipeline over sound and give, or write, what the device would play.

    bundle  a `Bundle`, or its folder
    audio   a sound file (wav, flac, ogg, mp3, aiff), a folder of them, or samples (S,) at the rate of the path: int16, or float in [-1, 1). For a network without an
            audio path an .npz file of frames, a folder of them, or a mapping input name -> (T, ...) of floats, or of codes in the tensor's dtype
    output  a wav or flac file, a folder where `audio` is one, .npz for frames; None writes nothing
    engine  `numpy`, `native`, `tflm`, `litert`, `float`, `cortex-m7` or `cortex-m7-qemu`
    align   shift the output back by the stream's delay, so that it lies over the input
    controls  a TOML file of changes with times, or its table: `{"change": [{"seconds": 1.0, "volume": {"gain_db": -6.0}}]}`
    plot    a PNG file with the spectrograms of input and output, of a single input

    A file of a folder that cannot be read is left out, told in a `Remark` and in `Simulation.refused`. Raises StapesError: no
    bundle, sound that cannot be read (of a folder, none of its files), an output in the way that is not of its kind, an engine that is
    unknown or that this machine cannot run, controls that the bundle does not have or take.

    >>> made = simulate(bundle, np.zeros(1600, np.int16), engine="numpy")
    >>> made.files[0].audio_q15.dtype, made.files[0].length
    (dtype('int16'), 1600)
    """
    of = opened(bundle)
    if output is not None:
        given_path(output, "an output")
    # The words as they were given: a path would lose the slash at the end, which says that a folder is meant.
    target = os.fspath(output) if output is not None else None
    if target is not None:
        refuse_inside(of, Path(target))
    given(engine, str, "the name of an engine")
    given(align, bool, "a choice, align")
    if of.sound_path is None:
        if controls is not None or plot is not None:
            what = "--controls" if controls is not None else "--plot"
            raise StapesError(f"{what}: of sound, and this bundle is a network without an audio path; leave it out")
        return _of_frames(of, audio, target, engine, align)
    changes = () if controls is None else _changes(controls, of.sound_path)
    picture = None if plot is None else _picture(of, plot, audio, target)
    return _of_sound(of, audio, target, engine, align, changes, picture)


def _changes(controls: str | os.PathLike[str] | Mapping[str, Any], sound_path: SoundPath) -> tuple[Change, ...]:
    """The changes of a file, or of its table."""
    if isinstance(controls, Mapping):
        return read_changes(controls, sound_path, "controls")
    path = given_path(controls, "a file of controls")
    return read_changes(read_toml(path, AGAIN), sound_path, str(path))


def _picture(bundle: Bundle, plot: str | os.PathLike[str], audio: Sound, output: str | None) -> Path:
    """Where the picture goes; raises StapesError where it cannot go there, and for a folder of recordings."""
    path = given_path(plot, "a picture")
    if not isinstance(audio, np.ndarray | Mapping) and given_path(audio, OF_SOUND).is_dir():
        raise StapesError("--plot shows one recording; give a file instead of a folder")
    if path.suffix.lower() != ".png":
        raise StapesError(f"{path}: pictures are PNG files; give a name that ends in .png")
    refuse_inside(bundle, path)
    check_file(path, [Path(given) for given in (audio, output) if isinstance(given, str | os.PathLike)], PNG)
    return path


# What else may stand where a path is given, for one who gave neither.
OF_SOUND = "sound, nor a numpy array of samples"
OF_FRAMES = "frames, nor a table of numpy arrays by input name"


def _of_sound(
    bundle: Bundle,
    audio: Sound,
    destination: str | None,
    engine: str,
    align: bool,
    changes: tuple[Change, ...],
    picture: Path | None,
) -> Simulation:
    sound_path = bundle.require_sound_path()
    if isinstance(audio, Mapping):
        raise StapesError("audio: arrays by name, but this bundle has an audio path; give samples, or a sound file")
    rate = sound_path.sample_rate
    single = isinstance(audio, np.ndarray) or not given_path(audio, OF_SOUND).is_dir()
    refused: dict[Path, str] = {}
    if isinstance(audio, np.ndarray):
        batch = sound_batch(audio, rate)
    else:
        batch = read_batch([Path(audio)], rate, None if single else refused)
    targets = _places(audio, destination, batch, single) if destination is not None else None
    for reason in refused.values():
        warnings.warn(f"{reason}; left out", Remark, stacklevel=3)
    runner = make_engine(engine, bundle)
    parts = in_parts(batch)
    shift = sound_path.delay if align else 0
    rows: list[np.ndarray] = []
    start = time.perf_counter()
    with progress(f"{engine} engine, frames", sum(part.frames(sound_path.hop) for part in parts)) as done:
        for part in parts:
            given_q15 = with_tail(part.audio_q15, shift)
            track = control_track(sound_path, changes, given_q15.shape[1]) if changes else None
            run = runner.run(given_q15, progress=done, controls=track).audio_q15
            rows += part.trimmed(run[:, shift:])
    seconds = time.perf_counter() - start
    if targets is not None:
        sound = {
            target: audio_bytes(row, KINDS[target.suffix.lower()], rate, marked=not is_special(target))
            for target, row in zip(targets, rows, strict=True)
        }
        _write(Path(destination or ""), sound, single)
    if picture is not None:
        _draw(picture, {"input": batch.trimmed(batch.audio_q15)[0], f"output, {engine}": rows[0]}, rate)
    made = tuple(
        Simulated(given, target, sha256_of(row), row)
        for given, target, row in zip_longest(batch.paths, targets or (), rows)
    )
    return Simulation(engine, bundle.hash, made, batch.seconds, seconds, refused)


def _draw(picture: Path, signals: Mapping[str, np.ndarray], rate: int) -> None:
    from ..pictures import spectrograms_png  # costs a second, and most calls need none

    shown = spectrograms_png({name: q15_to_float(samples) for name, samples in signals.items()}, rate)
    with made_folders([picture.parent]):
        write_whole(picture, shown)


def _places(audio: str | os.PathLike[str] | np.ndarray, destination: str, batch: Batch, single: bool) -> list[Path]:
    """Where each row of a batch goes; raises StapesError where it cannot go there, before anything is computed."""
    output = Path(destination)
    if isinstance(audio, np.ndarray) or single:
        targets = [output]
        _refuse_loss(batch.paths, targets)
        _check_sound_file(destination)
        check_file(output, begins=SIGNATURES[KINDS[output.suffix.lower()]])
        if output.is_file() and not is_special(output) and output.stat().st_size and not is_marked(output):
            raise StapesError(
                f"{output}: exists and was not written by stapes, or was changed since; give another name, or remove it"
            )
        return targets
    targets = _targets(Path(audio), output, batch.paths)
    _refuse_loss(batch.paths, targets)
    check_folder(output, [target.relative_to(output).as_posix() for target in targets])
    if output.suffix.lower() in SUFFIXES and not output.is_dir():
        raise StapesError(f"{output}: looks like a file, and a folder of recordings becomes a folder; give its name")
    return targets


def _write(output: Path, made: dict[Path, bytes], single: bool) -> None:
    if single:
        with made_folders([output.parent]):
            write_all(made)
        return
    names = {target.relative_to(output).as_posix(): data for target, data in made.items()}
    write_folder(output, names, part="simulate", keep=True)


def _check_sound_file(destination: str) -> None:
    path = Path(destination)
    if destination.endswith(os.sep) or path.is_dir():
        raise StapesError(f"{destination}: is a folder; give the name of a wav file")
    if path.suffix.lower() not in KINDS:
        raise StapesError(f"{path}: {path.suffix} files are not written; give the name of a wav or flac file")


def _of_frames(bundle: Bundle, given: Sound, destination: str | None, engine: str, align: bool) -> Simulation:
    """Frames in, frames out: real numbers where the input holds real numbers, codes where it holds codes."""
    if isinstance(given, np.ndarray):
        raise StapesError(f"audio: samples, but this bundle is a network without an audio path; give {ARRAYS} by name")
    source = None if isinstance(given, Mapping) else given_path(given, OF_FRAMES)
    single = source is None or not source.is_dir()
    if source is not None and single:
        refuse_sound([source])
    if align:
        raise StapesError("--align shifts sound; this bundle is a network without an audio path: leave it out")
    output = Path(destination) if destination is not None else None
    if output is not None and single:
        if output.suffix.lower() != ".npz" or output.is_dir():
            raise StapesError(f"{output}: give the name of an .npz file")
        check_file(output, [*([source] if source else []), *bundle.files], begins=b"PK")
    refused: dict[Path, str] = {}
    if isinstance(given, Mapping):
        read, stretches = {}, [as_frames(ARRAYS, given, bundle.graph)]
    else:
        read = read_stretches(Path(given), bundle.graph, None if single else refused)
        stretches = list(read.values())
    targets: list[Path] = []
    if output is not None and source is not None and not single:
        targets = _targets(source, output, list(read), ".npz")
        _refuse_loss(list(read), targets)
        check_folder(output, [target.relative_to(output).as_posix() for target in targets])
    elif output is not None:
        targets = [output]
    for reason in refused.values():
        warnings.warn(f"{reason}; left out", Remark, stacklevel=3)
    made = _frames_run(bundle, stretches, engine)
    if output is not None:
        _write(output, {target: npz_bytes(arrays) for target, (_, arrays) in zip(targets, made, strict=True)}, single)
    files = [
        Simulated(path, target, hashed, tensors=arrays)
        for path, target, (hashed, arrays) in zip_longest(read, targets, made)
    ]
    return Simulation(engine, bundle.hash, tuple(files), refused=refused)


def _frames_run(bundle: Bundle, stretches: list[Frames], engine: str) -> list[tuple[str, dict[str, np.ndarray]]]:
    """Of each stretch, from reset, the hash of the codes of its outputs, and the outputs in the form of its inputs."""
    graph, runner = bundle.graph, make_network_engine(engine, bundle)
    rows = []
    with progress(f"{engine} engine, frames", sum(frames.count for frames in stretches)) as done:
        for frames in stretches:
            given = {name: codes[None] for name, codes in frames.codes.items()}
            made = run_network(runner, given, progress=done)
            codes = {name: made[name][0].reshape(frames.count, *graph.tensors[name].shape) for name in graph.outputs}
            # 16 bits times a scale of 8: float32 holds them all.
            reals = {name: to_real(graph.tensors[name], c).astype(np.float32) for name, c in codes.items()}
            rows.append((sha256_of_codes([codes], graph), reals if frames.real else codes))
    return rows


def _targets(source: Path, folder: Path, paths: list[Path], suffix: str = ".wav") -> list[Path]:
    """Output paths in the folder's own layout."""
    return [folder / Path(os.path.relpath(path, source)).with_suffix(suffix) for path in paths]


def _refuse_loss(sources: list[Path], targets: list[Path]) -> None:
    """Two inputs must not share an output, and no output may take the place of an input."""
    taken: dict[Path, Path] = {}
    inputs = {path.resolve() for path in sources}
    for source, target in zip(sources, targets, strict=True):
        if target in taken:
            raise StapesError(f"{source}: would be written to {target}, as {taken[target]}; rename one of them")
        if target.resolve() in inputs:
            raise StapesError(f"{target}: is an input and would be overwritten; give another output")
        taken[target] = source
