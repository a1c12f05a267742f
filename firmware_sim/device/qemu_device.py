"""The board of a core in `qemu-system-arm`: the whole firmware from reset, files through semihosting."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...models import children
from ...models.errors import StapesError
from .targets import CORTEX_M7, COUNTING, Core

QEMU = CORTEX_M7.emulator[0]
REMEDY = "install qemu-system-arm (Debian), or use the engine cortex-m7, which needs none"
_SEMIHOSTING = ("-semihosting-config", "enable=on,target=native")
_FAULT = 128
_TIMEOUT_S = 1800


def find_qemu() -> str:
    """The emulator's path; raises StapesError when it is not there."""
    found = shutil.which(QEMU)
    if found is None:
        raise StapesError(f"engine cortex-m7-qemu: {QEMU} not found; {REMEDY}")
    return found


def qemu_command(elf: Path, *options: str, core: Core = CORTEX_M7) -> list[str]:
    """The emulator with a linked program, whose files are those of the folder that it is started in."""
    return [find_qemu(), *core.emulator[1:], *_SEMIHOSTING, *options, "-kernel", str(elf)]


@dataclass(frozen=True)
class QemuRun:
    """int16 (S,), traced bytes uint8 (T, bytes), instructions of each hop (T,), exact to about one, or zeros uncounted."""

    audio_q15: np.ndarray
    frames: np.ndarray
    instructions: np.ndarray


def run_in_qemu(
    elf: Path,
    audio_q15: np.ndarray,
    *,
    counted: bool = False,
    core: Core = CORTEX_M7,
    changes: Sequence[tuple[int, bytes]] = (),
) -> QemuRun:
    """Stream whole hops through a program linked for a core, from reset; raises StapesError where it faults or fails.

    `changes`: hops before which controls are set, in order, with their words.
    """
    command = qemu_command(elf, *(COUNTING if counted else ()), core=core)
    with tempfile.TemporaryDirectory(prefix="stapes-qemu-") as folder:
        work = Path(folder)
        audio_q15.astype("<i2").tofile(work / "audio.in")
        controls = b"".join(hop.to_bytes(4, "little") + words for hop, words in changes)
        (work / "controls.in").write_bytes(controls)
        try:
            done = children.run(command, cwd=work, timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise StapesError(f"engine cortex-m7-qemu: no end after {_TIMEOUT_S} s; give less audio") from None
        if done.returncode:
            raise StapesError(f"engine cortex-m7-qemu: {reason(done.returncode, done.stderr)}")
        ticks = np.fromfile(work / "ticks.out", "<u4")
        frames = np.fromfile(work / "frames.out", np.uint8).reshape(len(ticks), -1)
        audio = np.fromfile(work / "audio.out", "<i2")
    if len(audio) != len(audio_q15):
        raise StapesError(f"engine cortex-m7-qemu: {len(audio)} samples came back of {len(audio_q15)}")
    instructions = np.zeros(len(ticks), np.int64)
    if counted and core.counter is not None:
        instructions = np.round(ticks / core.counter.ticks_an_instruction).astype(np.int64)
    return QemuRun(audio, frames, instructions)


def reason(status: int, said: str) -> str:
    """Why the emulator ended with this status, in words."""
    if status > _FAULT:
        return f"the program faults (exception {status - _FAULT})"
    return f"the program ends with status {status} {(said.strip().splitlines() or [''])[-1]}".rstrip()
