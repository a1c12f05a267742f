"""Every core and host on which the tests run exported C: how to compile for it, what runs it, where its memory is.

A core is one of Arm's boards, emulated by QEMU; a host is another kind of processor under Linux, run by QEMU's user mode.
The README's table lists these and no others.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True)
class Core:
    """A Cortex-M on a board of `qemu-system-arm`; memory as (address, bytes), the vector table first in `code`."""

    name: str
    machine: str
    flags: tuple[str, ...]
    code: tuple[int, int] = (0x00000000, 4 * MIB)
    data: tuple[int, int] = (0x20000000, 4 * MIB)

    @property
    def compiler(self) -> str:
        return "arm-none-eabi-gcc"

    @property
    def emulator(self) -> tuple[str, ...]:
        """The command before `-kernel PROGRAM`, without semihosting."""
        return ("qemu-system-arm", "-M", self.machine, "-nographic", "-monitor", "none", "-serial", "none")

    @property
    def memory(self) -> str:
        """The regions of `sections.ld`, for the linker."""
        regions = (("FLASH (rx)", self.code), ("RAM (rwx)", self.data))
        lines = [f"    {name} : ORIGIN = {origin:#010x}, LENGTH = {length}" for name, (origin, length) in regions]
        return "\n".join(["MEMORY", "{", *lines, "}", ""])


@dataclass(frozen=True)
class Host:
    """A processor under Linux, by its cross compiler and the user mode of QEMU."""

    name: str
    compiler: str
    runner: str
    flags: tuple[str, ...] = ("-static",)

    @property
    def emulator(self) -> tuple[str, ...]:
        return (self.runner,)


CORTEX_M7 = Core("Cortex-M7", "mps2-an500", ("-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard"))
CORES = (
    # The smallest of them: a real board, not one of Arm's prototypes.
    Core(
        "Cortex-M0",
        "microbit",
        ("-mcpu=cortex-m0", "-mthumb"),
        code=(0x00000000, 256 * KIB),
        data=(0x20000000, 16 * KIB),
    ),
    Core("Cortex-M3", "mps2-an385", ("-mcpu=cortex-m3", "-mthumb")),
    Core("Cortex-M4F", "mps2-an386", ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")),
    CORTEX_M7,
    Core(
        "Cortex-M33",
        "mps2-an505",
        ("-mcpu=cortex-m33", "-mthumb", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"),
        code=(0x10000000, 4 * MIB),
        data=(0x38000000, 4 * MIB),
    ),
    Core(
        "Cortex-M33 without DSP",
        "mps2-an505",
        ("-mcpu=cortex-m33+nodsp", "-mthumb", "-mfloat-abi=soft"),
        code=(0x10000000, 4 * MIB),
        data=(0x38000000, 4 * MIB),
    ),
    Core(
        "Cortex-M55 with Helium",
        "mps3-an547",
        ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"),
        code=(0x00000000, 512 * KIB),
        data=(0x20000000, 512 * KIB),
    ),
)
HOSTS = (
    Host("armhf", "arm-linux-gnueabihf-gcc", "qemu-arm"),
    Host("aarch64", "aarch64-linux-gnu-gcc", "qemu-aarch64"),
    Host("32-bit x86", "i686-linux-gnu-gcc", "qemu-i386"),
)
