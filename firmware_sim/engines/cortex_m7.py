"""The machines `cortex-m7` and `cortex-m7-qemu`: the exported C, cross-compiled, on an emulated Cortex-M7."""

from __future__ import annotations

import shutil
import weakref
from pathlib import Path

from ..cortex_m7.unicorn_device import import_unicorn
from ..cortex_m7.unicorn_run import UnicornStream, traced_tensors
from ..device.firmware import Firmware, import_elftools
from ..device.qemu_device import find_qemu
from ..device.qemu_stream import QemuStream
from ..device.toolchain import build, find_toolchain, new_work_folder
from .compiled import Machine, Program, Stream
from .program import Ports, ProgramSource


def require_unicorn() -> None:
    """Raises StapesError naming what the engine `cortex-m7` lacks on this machine."""
    import_elftools()
    import_unicorn()
    find_toolchain()


def require_qemu() -> None:
    """Raises StapesError naming what the engine `cortex-m7-qemu` lacks on this machine."""
    import_elftools()
    find_qemu()
    find_toolchain()


class CortexM7(Machine):
    """A Cortex-M7 in the emulator unicorn, or with `qemu` a whole board in that one.

    `toolchain` is "gcc", "zig" or None for the first that is here; `portable` takes the kernels in plain C99. Raises
    StapesError where this machine lacks the emulator or the compiler.
    """

    def __init__(self, *, qemu: bool = False, toolchain: str | None = None, portable: bool = False) -> None:
        (require_qemu if qemu else require_unicorn)()
        self.name = "cortex-m7-qemu" if qemu else "cortex-m7"
        self._qemu, self._toolchain, self._portable = qemu, toolchain, portable

    def load(self, source: ProgramSource, *, trace: bool, ports: Ports | None = None) -> Program:
        work = new_work_folder()
        chain = find_toolchain(self._toolchain)
        program = _Image(work, self._qemu, ports)
        built = build(
            source.folder, source.name, work, toolchain=chain, trace=trace, portable=self._portable, ports=ports
        )
        program.read(built.elf, source.name if trace else "")
        return program


class _Image(Program):
    """One linked variant of a program; its files lie in `work` and live as long as this object."""

    def __init__(self, work: Path, qemu: bool, ports: Ports | None) -> None:
        weakref.finalize(self, shutil.rmtree, work, ignore_errors=True)
        self._qemu, self._ports = qemu, ports

    def read(self, elf: Path, traced: str) -> None:
        """Take what was linked; `traced` is the name of the program where it traces."""
        self._elf, self._firmware = elf, Firmware(elf)
        self.tensors = traced_tensors(self._firmware, traced) if traced else ()

    def start(self) -> Stream:
        if not self._qemu:
            return UnicornStream(self._firmware, self.tensors, self._ports)
        return QemuStream(self._elf, sum(tensor.bytes for tensor in self.tensors), self._ports)
