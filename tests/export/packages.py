"""Firmware packages of a small network, written once a session, and the compilers and the emulator that try them."""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from stapes.export.packages import export_package

from tests.compiling import compile_object
from tests.export.networks import Network, network
from tests.export.programs import STAMP
from tests.machine import cmsis_dsp

NAME = "ear"
QEMU = ["qemu-system-arm", "-M", "mps2-an500", "-nographic", "-monitor", "none", "-serial", "none"]
WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wsign-conversion",
    "-Wshadow",
    "-Wdouble-promotion",
    "-Wundef",
    "-Werror",
]


def write(kind: str, folder: Path, net: Network | None = None, **changes: object) -> Path:
    """Write the package `kind` of a network, without an audio path when `sound_path=None` is among the changes."""
    net = net or network()
    arguments = {
        "name": NAME,
        "sound_path": net.sound_path,
        "stamp": STAMP,
        "vectors": net.vectors,
        "cmsis_dsp": cmsis_dsp().include_dirs[0].parent,
    } | changes
    if arguments["sound_path"] is None:
        arguments["vectors"] = {key: data for key, data in net.vectors.items() if not key.startswith("audio_")}
    export_package(net.graph, folder, kind=kind, **arguments)
    return folder


@functools.cache
def package(kind: str, audio: bool = True) -> Path:
    """A package that is only to be read."""
    parent = Path(tempfile.mkdtemp(prefix="stapes-package-"))
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    return write(kind, parent / NAME, **({} if audio else {"sound_path": None}))


def texts(folder: Path) -> dict[str, bytes]:
    """Relative name -> content of every file."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def call(command: Iterable[object], cwd: Path | None = None, code: int = 0) -> str:
    """Run a command that must end with this exit code -> both of its streams."""
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == code, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout + done.stderr


def compile_all(command: list[str], files: Iterable[Path], work: Path, language: str = "c") -> list[Path]:
    """Every file to an object of its own."""
    command = [*command, "-x", language]
    return [compile_object(command, path, work / f"{path.parent.name}_{path.name}.o") for path in files]


def emulate(elf: Path, arguments: Iterable[str] = (), cwd: Path | None = None, code: int = 0) -> str:
    """Run a program on the emulated Cortex-M7 -> what it printed."""
    told = "".join(f",arg={argument}" for argument in arguments)
    semihosting = ["-semihosting-config", f"enable=on,target=native{told}"]
    return call([*QEMU, *semihosting, "-kernel", elf], cwd, code)


def delayed(audio: np.ndarray, hop: int, size: int) -> np.ndarray:
    """What the double buffer sends, int16 (size,): two silent blocks, then the audio as far as it goes."""
    sent = np.concatenate([np.zeros(2 * hop, np.int16), audio, np.zeros(size, np.int16)])
    return sent[:size]
