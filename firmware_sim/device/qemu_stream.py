"""A program on the board mps2-an500 in `qemu-system-arm`: hops as files through semihosting, frames through two pipes."""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
import tempfile
import time
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...models import children
from ...models.errors import StapesError
from ..engines.compiled import Changes, Stream
from ..engines.network import Progress
from ..engines.program import Ports
from .qemu_device import qemu_command, reason, run_in_qemu

_IN, _OUT = "frames.in", "frames.out"
_TIMEOUT_S = 600
_LOOK_S = 0.2


class QemuStream(Stream):
    """One board. Hops run from reset in one go; a network keeps its board, which waits for the next frame."""

    def __init__(self, elf: Path, frame_bytes: int = 0, ports: Ports | None = None) -> None:
        self._elf, self._frame_bytes, self._ports = elf, frame_bytes, ports
        self._board = _Board(elf) if ports else None

    def hops(
        self, samples: np.ndarray, hop: int, progress: Progress, changes: Changes = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        done = run_in_qemu(self._elf, samples, changes=changes)
        progress(len(samples) // hop)
        return done.audio_q15, done.frames

    def frame(self, inputs: Sequence[bytes]) -> tuple[list[bytes], bytes]:
        assert self._board is not None
        assert self._ports is not None
        made = sum(self._ports.outputs)
        answer = self._board.exchange(b"".join(inputs), made + self._frame_bytes)
        return self._ports.split(answer[:made]), answer[made:]


class _Board:
    """A running emulator whose program reads frames from one pipe and answers through another."""

    def __init__(self, elf: Path) -> None:
        folder = Path(tempfile.mkdtemp(prefix="stapes-qemu-"))
        for name in (_IN, _OUT):
            os.mkfifo(folder / name)
        # Opened for both ways, so that neither side waits for the other to open.
        self._in, self._out = (os.open(folder / name, os.O_RDWR | os.O_NONBLOCK) for name in (_IN, _OUT))
        self._child = children.start(qemu_command(elf), cwd=folder)
        weakref.finalize(self, _close, self._child, (self._in, self._out), folder)

    def exchange(self, data: bytes, size: int) -> bytes:
        """Send a frame, and receive `size` bytes; raises StapesError where the program ends before."""
        waiting, answer = memoryview(data), bytearray()
        until = time.monotonic() + _TIMEOUT_S
        with selectors.DefaultSelector() as selector:
            selector.register(self._in, selectors.EVENT_WRITE)
            selector.register(self._out, selectors.EVENT_READ)
            while len(answer) < size:
                ready = [key.fd for key, _ in selector.select(_LOOK_S)]
                if self._in in ready:
                    waiting = waiting[os.write(self._in, waiting) :]
                    if not waiting:
                        selector.unregister(self._in)
                if self._out in ready:
                    answer += os.read(self._out, size - len(answer))
                elif not waiting:
                    self._require_running(until)
        return bytes(answer)

    def _require_running(self, until: float) -> None:
        if self._child.poll() is not None:
            _, said = children.end(self._child)
            raise StapesError(f"engine cortex-m7-qemu: {reason(self._child.returncode, said)}")
        if time.monotonic() > until:
            raise StapesError(f"engine cortex-m7-qemu: no answer after {_TIMEOUT_S} s")


def _close(child: subprocess.Popen[str], pipes: Sequence[int], folder: Path) -> None:
    children.end(child)
    for pipe in pipes:
        os.close(pipe)
    shutil.rmtree(folder, ignore_errors=True)
