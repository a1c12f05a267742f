"""Every core and host on which exported C is run: how to compile for it, what runs it, where its memory is, what counts.

A core is one of Arm's boards, emulated by QEMU; a host is another kind of processor under Linux, run by QEMU's user mode.
The README's table lists these and no others.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

KIB, MIB = 1024, 1024 * 1024
# With these an instruction of the emulator takes 2^10 ns of its clock, whatever it is.
COUNTING = ("-icount", "shift=10,sleep=off")
_NS_AN_INSTRUCTION = 1024
_SECTIONS = Path(__file__).with_name("sections.ld")
_EXCHANGE = """
SECTIONS
{
    .exchange (NOLOAD) :
    {
        *(.exchange .exchange.*)
    } > EXCHANGE
}
"""


@dataclass(frozen=True)
class Counter:
    """A counter of a board that runs by itself: 32 bits at an address, so many times a microsecond."""

    address: int
    mhz: int

    @property
    def ticks_an_instruction(self) -> float:
        """While the emulator runs with `COUNTING`."""
        return _NS_AN_INSTRUCTION * self.mhz / 1000


@dataclass(frozen=True)
class Core:
    """A Cortex-M on a board of `qemu-system-arm`; memory as (address, bytes), the vector table first in `code`.

    `exchange` is what a test hands over and takes back, apart from what the program takes; `counter` tells instructions.
    """

    name: str
    machine: str
    flags: tuple[str, ...]
    code: tuple[int, int] = (0x00000000, 4 * MIB)
    data: tuple[int, int] = (0x20000000, 4 * MIB)
    exchange: tuple[int, int] | None = None
    counter: Counter | None = None

    @property
    def compiler(self) -> str:
        return "arm-none-eabi-gcc"

    @property
    def emulator(self) -> tuple[str, ...]:
        """The command before `-kernel PROGRAM`, without semihosting."""
        return ("qemu-system-arm", "-M", self.machine, "-nographic", "-monitor", "none", "-serial", "none")

    @property
    def linker_script(self) -> str:
        """The whole script: regions, then `sections.ld`, then what is handed over."""
        regions = [("FLASH (rx)", self.code), ("RAM (rwx)", self.data)]
        regions += [("EXCHANGE (rwx)", self.exchange)] if self.exchange else []
        lines = [f"    {name} : ORIGIN = {origin:#010x}, LENGTH = {length}" for name, (origin, length) in regions]
        memory = "\n".join(["MEMORY", "{", *lines, "}", ""])
        return memory + _SECTIONS.read_text() + (_EXCHANGE if self.exchange else "")


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


# The counter that Arm's prototyping boards have in their FPGA, and their external memory.
CORTEX_M4 = Core(
    "Cortex-M4F",
    "mps2-an386",
    ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
    exchange=(0x21000000, 16 * MIB),
    counter=Counter(0x40028018, 25),
)
CORTEX_M7 = Core(
    "Cortex-M7",
    "mps2-an500",
    ("-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard"),
    exchange=(0x60000000, 16 * MIB),
    counter=Counter(0x40028018, 25),
)
CORTEX_M33 = Core(
    "Cortex-M33",
    "mps2-an505",
    ("-mcpu=cortex-m33", "-mthumb", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"),
    code=(0x10000000, 4 * MIB),
    data=(0x38000000, 4 * MIB),
    exchange=(0x80000000, 16 * MIB),
    counter=Counter(0x50302018, 20),
)
CORTEX_M55 = Core(
    "Cortex-M55 with Helium",
    "mps3-an547",
    ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"),
    code=(0x00000000, 512 * KIB),
    data=(0x20000000, 512 * KIB),
    exchange=(0x70000000, 16 * MIB),
    counter=Counter(0x59302018, 20),
)
# Those that a product of this kind has; what is measured on one can be measured on each.
DEVICES = (CORTEX_M4, CORTEX_M7, CORTEX_M33, CORTEX_M55)
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
    CORTEX_M4,
    CORTEX_M7,
    CORTEX_M33,
    Core(
        "Cortex-M33 without DSP",
        "mps2-an505",
        ("-mcpu=cortex-m33+nodsp", "-mthumb", "-mfloat-abi=soft"),
        code=(0x10000000, 4 * MIB),
        data=(0x38000000, 4 * MIB),
    ),
    CORTEX_M55,
)
HOSTS = (
    Host("armhf", "arm-linux-gnueabihf-gcc", "qemu-arm"),
    Host("aarch64", "aarch64-linux-gnu-gcc", "qemu-aarch64"),
    Host("32-bit x86", "i686-linux-gnu-gcc", "qemu-i386"),
)
