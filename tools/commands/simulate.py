"""`stapes simulate`: run a bundle over audio, on any engine."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from ...firmware_sim.compare import sha256_of
from ...firmware_sim.engines.network import run_network
from ...models.errors import StapesError
from ...models.files import check_file, check_folder, is_special, made_folders, write_all, write_folder
from ...models.sound_files import audio_bytes
from ...quantize.graph import to_real
from ..audio_files import in_parts, read_batch
from ..bundle import Bundle, load_bundle
from ..console import console, err, print_json, progress
from ..engines import make_engine, make_network_engine
from ..frames import npz_bytes, read_frames, sha256_of_codes
from ..metrics import with_tail
from ..network_regression import refuse_sound

# What an output holds, by the end of its name; a pipe or a device has none.
KINDS = {"": "WAV", ".wav": "WAV", ".flac": "FLAC"}
SIGNATURES = {"WAV": b"RIFF", "FLAC": b"fLaC"}


def simulate(bundle: Path, audio: Path, destination: str, *, engine: str, align: bool, json: bool) -> None:
    """The command, whose options stand in `tools.cli.simulate`."""
    output = Path(destination)
    opened = load_bundle(bundle)
    if opened.frontend is None:
        _simulate_network(opened, audio, output, engine=engine, align=align, json=json)
        return
    frontend = opened.require_frontend()
    batch = read_batch([audio])
    single = not audio.is_dir()
    targets = [output] if single else _targets(audio, output, batch.paths)
    _refuse_loss(batch.paths, targets)
    if single:
        _check_sound_file(destination)
        check_file(output, begins=SIGNATURES[KINDS[output.suffix.lower()]])
    else:
        check_folder(output, [target.relative_to(output).as_posix() for target in targets])
    runner = make_engine(engine, opened)
    parts = in_parts(batch)
    shift = frontend.delay if align else 0
    rows: list[np.ndarray] = []
    start = time.perf_counter()
    with progress(f"{engine} engine, frames", sum(part.frames(frontend.hop) for part in parts)) as done:
        for part in parts:
            run = runner.run(with_tail(part.audio_q15, shift), progress=done).audio_q15
            rows += part.trimmed(run[:, shift:])
    seconds = time.perf_counter() - start
    made = {target: audio_bytes(row, KINDS[target.suffix.lower()]) for target, row in zip(targets, rows, strict=True)}
    if single:
        with made_folders([output.parent]):
            write_all(made)
    else:
        names = {target.relative_to(output).as_posix(): data for target, data in made.items()}
        write_folder(output, names, part="simulate", keep=True)
    if json:
        files = [
            {"input": str(path), "output": str(target), "samples": len(row), "sha256": sha256_of(row)}
            for path, target, row in zip(batch.paths, targets, rows, strict=True)
        ]
        factor = round(batch.seconds / seconds, 2)
        print_json({"engine": engine, "bundle_sha256": opened.hash, "files": files, "realtime_factor": factor})
        return
    speaker = err if single and is_special(output) else console  # the pipe holds sound
    speaker.print(f"{len(rows)} file(s), {batch.seconds:.1f} s of audio, engine {engine}: {output}")


def _check_sound_file(destination: str) -> None:
    path = Path(destination)
    if destination.endswith(os.sep) or path.is_dir():
        raise StapesError(f"{destination}: is a folder; give the name of a wav file")
    if path.suffix.lower() not in KINDS:
        raise StapesError(f"{path}: {path.suffix} files are not written; give the name of a wav or flac file")


def _simulate_network(bundle: Bundle, given: Path, output: Path, *, engine: str, align: bool, json: bool) -> None:
    """Frames in, frames out: real numbers where the file holds real numbers, codes where it holds codes."""
    refuse_sound([given])
    if align:
        raise StapesError("--align shifts sound; this bundle is a network without an audio path: leave it out")
    if output.suffix.lower() != ".npz" or output.is_dir():
        raise StapesError(f"{output}: give the name of an .npz file")
    check_file(output, [given, *bundle.files], begins=b"PK")
    frames = read_frames(given, bundle.graph)
    runner = make_network_engine(engine, bundle)
    with progress(f"{engine} engine, frames", frames.count) as done:
        made = run_network(runner, {name: codes[None] for name, codes in frames.codes.items()}, progress=done)
    codes = {
        name: made[name][0].reshape(frames.count, *bundle.graph.tensors[name].shape) for name in bundle.graph.outputs
    }
    tensors = bundle.graph.tensors
    # 16 bits times a scale of 8: float32 holds them all.
    arrays = {name: to_real(tensors[name], c).astype(np.float32) for name, c in codes.items()} if frames.real else codes
    with made_folders([output.parent]):
        write_all({output: npz_bytes(arrays)})
    if json:
        hashed = sha256_of_codes([codes], bundle.graph)
        files = [{"input": str(given), "output": str(output), "frames": frames.count, "sha256": hashed}]
        print_json({"engine": engine, "bundle_sha256": bundle.hash, "files": files})
        return
    console.print(f"{frames.count} frames, engine {engine}: {output}")


def _targets(source: Path, folder: Path, paths: list[Path]) -> list[Path]:
    """Output paths in the folder's own layout, as wav."""
    return [folder / Path(os.path.relpath(path, source)).with_suffix(".wav") for path in paths]


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
