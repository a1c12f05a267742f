"""Kernels of the C runtime, linked alone for the emulated Cortex-M7 and called with their own parameters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from stapes.export.c.constants import Constants
from stapes.export.c.runtime import RUNTIME, runtime_files, runtime_includes
from stapes.firmware_sim.cortex_m7.unicorn_device import EXCHANGE, UnicornDevice
from stapes.firmware_sim.device import toolchain
from stapes.firmware_sim.device.firmware import Firmware
from stapes.firmware_sim.engines.program import call_compiler


class DeviceKernels:
    """Functions of the runtime on the device; arrays are handed over and read back in memory of their own."""

    def __init__(self, functions: list[str], folder: Path) -> None:
        chain = toolchain.find_toolchain()
        start = folder / "start.c"
        names = "".join(f"extern void {name}(void);\n" for name in functions)
        calls = "".join(f"    {name}();\n" for name in functions)
        start.write_text(f"{names}void Reset_Handler(void);\nvoid Reset_Handler(void)\n{{\n{calls}}}\n")
        sources = [RUNTIME / name for name in runtime_files(functions) if name.endswith(".c")]
        elf = folder / "kernels.elf"
        flags = [
            *chain.flags,
            *chain.link_flags,
            "-std=c99",
            "-O2",
            *runtime_includes(),
            *toolchain.linker_script(folder),
        ]
        call_compiler([*chain.command, *flags, *map(str, [start, *sources]), "-o", str(elf)])
        self._device = UnicornDevice(Firmware(elf))
        self._next = EXCHANGE

    def place(self, data: bytes) -> int:
        """Where a copy of the bytes lies, on a boundary of 8."""
        at = self._next
        self._device.write(at, data)
        self._next += -(-len(data) // 8) * 8
        return at

    def place_struct(self, fields: Mapping[str, object], arrays: Constants) -> int:
        """Where a struct of words lies whose members are these, pointers to the arrays among them."""
        at = {array.name: self.place(array.data.tobytes()) for array in arrays}
        words = np.array(list(_words(fields, at)), np.int64) & 0xFFFFFFFF
        return self.place(words.astype("<u4").tobytes())

    def call(self, function: str, *arguments: int) -> None:
        self._device.call(function, *arguments)

    def read(self, at: int, count: int) -> np.ndarray:
        """int64 of `count` int16."""
        return np.frombuffer(self.memory(at, 2 * count), "<i2").astype(np.int64)

    def memory(self, at: int, count: int) -> bytes:
        """What lies there."""
        return self._device.read(at, count)


def _words(fields: Mapping[str, object], at: Mapping[str, int]) -> list[int]:
    words: list[int] = []
    for value in fields.values():
        if isinstance(value, Mapping):
            words += _words(value, at)
        else:
            words.append(at[value] if isinstance(value, str) else int(value))  # type: ignore[call-overload]
    return words
