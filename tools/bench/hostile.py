"""Hostile files against the command line: each mutation is a run of its own, in a child that outlives no fault.

A run is sound when it ends with one of the codes that the command line promises, says its error in one line, takes less than
10 s of processor time and 1 GB, and leaves nothing but the output that it was asked for.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

import numpy as np
import torch

from ...models.audio.transform import SAMPLE_RATE
from ...models.checkpoint import save
from ...models.gru_mask import GruMask, GruMaskConfig
from ...models.onnx_export import export_onnx
from ...models.sound_files import write_audio
from . import mutations
from .mutations import Rng, chosen
from .tflite_file import mixed_file

SECONDS, BYTES = 10, 1 << 30
BATCH = 100
UNCAUGHT = 99
KINDS = ("checkpoint", "onnx", "bundle", "recipe", "wav", "tflite")
CODES = {0, 2}
RECIPE = b"""name = "own"
description = "as an engineer writes it"
[weights]
granularity = "channel"
form = "fully_connected"
equalisation = 0.5
bias_correction = true
[activations]
dtype = "int8"
range = "mse"
percentile = 99.99
headroom = 2.0
clip = 1.0
[[tensor]]
match = ["@input", "gru*"]
dtype = "int16"
reason = "a spectrum"
[[tensor]]
match = ["linear*"]
clip = 0.9
[thresholds]
mask_snr_db = 10.0
"""


@dataclass(frozen=True)
class Fault:
    """What went wrong with mutation `index` of a kind, and the words of the run."""

    kind: str
    index: int
    what: str
    said: str

    def __str__(self) -> str:
        return f"{self.kind} {self.index}: {self.what}; {self.said[-400:]!r}"


@dataclass(frozen=True)
class Material:
    """Sound files, small so that a run takes little: what is changed, and what it is run with."""

    folder: Path

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle"

    def bytes_of(self, kind: str) -> bytes:
        files = {"checkpoint": "net.pt", "onnx": "net.onnx", "wav": "sound.wav", "tflite": "net.tflite"}
        return RECIPE if kind == "recipe" else (self.folder / files[kind]).read_bytes()


def make_material(folder: Path) -> Material:
    """A GRU mask of 8 units with random weights as checkpoint, ONNX file and bundle, a .tflite of another maker, 0.15 seconds of noise.

    Made in a child: a process that has run torch or onnxruntime may have threads, and what forks off it waits for them for
    ever. The child's modules are imported here afterwards, so that the children to come need not.
    """
    child = os.fork()
    if child == 0:
        _leave(lambda: _make(folder))
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError("the sound files could not be made; see above")
    for name in (folder / "modules").read_text().split():
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()  # the children share these pages as long as nobody writes to them
    return Material(folder)


def _make(folder: Path) -> None:
    config = GruMaskConfig(hidden_dim=8, num_layers=1, features="log", narrow_dim=8, fc_dim=0, dropout=0.0)
    torch.manual_seed(0)
    network = GruMask(config).eval()
    save(folder / "net.pt", network, config.sound_path())
    export_onnx(network, config.sound_path(), folder / "net.onnx")
    (folder / "net.tflite").write_bytes(mixed_file())
    rng = np.random.default_rng(0)
    write_audio(folder / "sound.wav", rng.integers(-3000, 3000, SAMPLE_RATE * 3 // 20).astype(np.int16))
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    sound, bundle = str(folder / "sound.wav"), str(folder / "bundle")
    if _run(["quantize", str(folder / "net.pt"), "-o", bundle, "--calibration", sound]):
        raise RuntimeError("the network to be changed could not be quantised")
    if _run(["quantize", str(folder / "net.tflite"), "-o", str(folder / "theirs")]):
        raise RuntimeError("the .tflite to be changed could not be taken")
    for index, arguments in enumerate(commands(bundle, sound)):
        _run([f"{folder}/spare{index}{word[3:]}" if word.startswith("out") else word for word in arguments])
    (folder / "modules").write_text("\n".join(sys.modules))


def _run(arguments: list[str]) -> int:
    """The command line in this process; returns its exit code."""
    from ..cli import main

    sys.argv = ["stapes", *arguments]
    try:
        main()
    except SystemExit as left:
        return int(left.code or 0)
    return 0


def _leave(work: Callable[[], None]) -> NoReturn:
    """Do some work and end this process with code 0, 99 after an exception, without a word of what Python does at its end."""
    code = 99
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def commands(bundle: str, sound: str) -> list[list[str]]:
    """What reads a bundle, with outputs in the working folder."""
    simulate = ["simulate", bundle, sound, "-o", "out.wav", "--engine"]
    export = ["export", bundle, "-o", "out"]
    packages = [[*export, "--package", package] for package in ("cmake", "arduino", "zephyr", "cmsis-pack")]
    engines = [[*simulate, engine] for engine in ("numpy", "tflm", "float")]
    return [["inspect", bundle], ["inspect", bundle, "--proof", "--json"], *engines, export, *packages]


def prepare(kind: str, material: Material, folder: Path, rng: Rng) -> list[str]:
    """Write a changed input into a folder; returns the command line that reads it."""
    sound = str(material.folder / "sound.wav")
    if kind == "bundle":
        shutil.copytree(material.bundle, folder / "in")
        mutations.change_bundle(folder / "in", rng)
        reading = commands("in", sound)
        result: list[str] = chosen(reading[:-5] if rng.random() < 0.9 else reading[-5:], rng)
        return result
    change: Callable[[bytes, Rng], bytes] = getattr(mutations, f"changed_{kind}")
    suffix = {"checkpoint": ".pt", "onnx": ".onnx", "recipe": ".toml", "wav": ".wav", "tflite": ".tflite"}[kind]
    (folder / f"in{suffix}").write_bytes(change(material.bytes_of(kind), rng))
    quantize = ["quantize", "-o", "out", "--calibration", sound]
    return {
        "checkpoint": [*quantize, "in.pt"],
        "onnx": [*quantize, "in.onnx"],
        "tflite": ["quantize", "-o", "out", "in.tflite"],
        "recipe": [*quantize, str(material.folder / "net.pt"), "--recipe", "in.toml"],
        "wav": ["simulate", str(material.bundle), "in.wav", "-o", "out.wav", "--engine", "numpy"],
    }[kind]


def attack(
    kind: str,
    count: int,
    material: Material,
    *,
    seed: int = 0,
    first: int = 0,
    progress: Callable[[int], None] = lambda runs: None,
) -> list[Fault]:
    """Run mutations `first` to `first + count` of a kind; returns the faults, none when all is well."""
    faults: list[Fault] = []
    for start in range(first, first + count, BATCH):
        indices = range(start, min(start + BATCH, first + count))
        with tempfile.TemporaryDirectory(prefix="stapes-hostile-") as name:
            runs = []
            for index in indices:
                folder = Path(name) / str(index)
                folder.mkdir()
                rng = np.random.default_rng([seed, KINDS.index(kind), index])
                runs.append(Run(index, prepare(kind, material, folder, rng), folder))
            faults += [Fault(kind, *found) for found in run_all(runs)]
        progress(len(indices))
    return faults


@dataclass(frozen=True)
class Run:
    """One command line, and the folder where it runs."""

    index: int
    arguments: list[str]
    folder: Path


def run_all(runs: list[Run]) -> list[tuple[int, str, str]]:
    """Run command lines one after the other in a child, in a new one after each that ends it: (index, fault, words)."""
    inputs = {run.index: _contents(run.folder) for run in runs}
    faults = []
    left = list(runs)
    while left:
        results, end = _in_child(left)
        for run in left[: len(results) + 1]:
            result = results.get(run.index) or Result(None, 0.0, 0, end)
            if (found := _verdict(run, result, inputs[run.index])) is not None:
                faults.append((run.index, *found))
        left = left[len(results) + (end != 0) :]
        if not end and left:
            raise RuntimeError(f"a child left runs undone: {left[0].arguments}")
    return faults


@dataclass(frozen=True)
class Result:
    """How a run ended: `code`, or None where it took the child along, which then ended with `signal`."""

    code: int | None
    seconds: float
    grown_bytes: int
    signal: int = 0


def _in_child(runs: list[Run]) -> tuple[dict[int, Result], int]:
    """Results by index as far as the child came, and the signal that ended it, 0 for none."""
    with tempfile.TemporaryFile("w+") as told:
        child = os.fork()
        if child == 0:
            _leave(lambda: _be_child(runs, told))
        _, status = os.waitpid(child, 0)
        told.seek(0)
        rows = [line.split() for line in told]
    results = {int(index): Result(int(code), float(seconds), int(grown)) for index, code, seconds, grown in rows}
    ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return results, ended or (signal.SIGABRT if os.WEXITSTATUS(status) else 0)


def _be_child(runs: list[Run], told: IO[str]) -> None:
    """Each command line in its folder, its words in files, its time bounded by the system."""
    os.setsid()
    for run in runs:
        for name in ("tmp", "said"):
            (run.folder / name).mkdir()
        os.chdir(run.folder)
        for number, name in ((1, "out"), (2, "err")):
            file = os.open(run.folder / "said" / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, number)
            os.close(file)
        sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115
        os.environ["TMPDIR"] = tempfile.tempdir = str(run.folder / "tmp")
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # processor time, by a signal that nobody catches
        signal.alarm(20 * SECONDS)  # for one that only waits
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        try:
            code = _run(run.arguments)
        except BaseException:
            traceback.print_exc()
            code = UNCAUGHT
        seconds = time.process_time() - start
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        sys.stdout.flush()
        sys.stderr.flush()
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        told.write(f"{run.index} {code} {seconds} {grown}\n")
        told.flush()
        os.chdir("/")


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def _verdict(run: Run, result: Result, inputs: dict[str, bytes]) -> tuple[str, str] | None:
    """What is wrong with a run, and its words; None when it is sound."""
    words = [(run.folder / "said" / name) for name in ("out", "err")]
    printed, said = (path.read_text("utf-8", "replace") if path.is_file() else "" for path in words)
    said = f"{' '.join(run.arguments)}: {said}" if result.code is None else said
    if result.code is None:
        return f"ended by {signal.Signals(result.signal).name}", said
    lines = [line for line in said.splitlines() if not line.startswith("stapes: note: ")]
    if result.code not in CODES or "Traceback" in said:
        return f"exit code {result.code} of {run.arguments[0]}", said
    if result.code == 2 and not (len(lines) == 1 and lines[0].startswith("stapes: error: ")):
        return f"{len(lines)} lines where one is promised", said
    if result.code == 0 and lines:
        return "words that are no note", said
    if any(not (character.isprintable() or character == "\n") for character in printed + said):
        return "a raw control character on the terminal", printed + said
    if result.grown_bytes > BYTES:
        return f"took {result.grown_bytes >> 20} MB", said
    left = _contents(run.folder)
    others = {name: data for name, data in left.items() if not name.startswith(("said/", "out")) or name in inputs}
    if others != inputs:
        return f"other files changed: {sorted({name for name, _ in others.items() ^ inputs.items()})[0]}", said
    if result.code and any(name.startswith("out") for name in left):
        return "output of a run that failed", said
    return None
