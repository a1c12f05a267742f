"""The two real transforms alone on the emulated device: instructions a call, their bits held to numpy."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from ...export.c.runtime import runtime_file
from ...firmware_sim.audio.mixed_rfft_q31 import MixedRfftQ31
from ...firmware_sim.audio.rfft_q31 import RfftQ31
from ...firmware_sim.cmsis_dsp import sources
from ...firmware_sim.cortex_m7.counting import InstructionCounter
from ...firmware_sim.cortex_m7.unicorn_device import EXCHANGE
from ...firmware_sim.device.firmware import Firmware
from ...firmware_sim.device.toolchain import OPTIMISATION, Toolchain, find_toolchain, linker_script
from ...firmware_sim.engines.program import call_compiler
from ...quantize.audio.mixed_rfft import TIME_LIMIT, mixed_rfft_tables
from ...quantize.audio.rfft import rfft_tables

# A power of two, whose transforms both count, and those that are usual at 44.1 and 48 kHz.
LENGTHS = (32, 64, 128, 256, 512, 1024, 240, 320, 480, 640, 720, 900, 960, 1920, 2048)
SERVED_BY_CMSIS_DSP = tuple(2**bits for bits in range(5, 11))
_FUNCTIONS = ("stapes_mixed_rfft_q31", "stapes_mixed_irfft_q31", "stapes_rfft_q31", "stapes_irfft_q31")
_FILES = ("stapes_mixed_rfft_q31.c", "stapes_rfft_q31.c", "stapes_log2_table.c", "stapes_exp2_table.c")
# What the linker would drop, as nothing but the emulator calls it.
_START = """
typedef void (*entry_point)(void);
void Reset_Handler(void);
void Reset_Handler(void) {{}}
{declared}
__attribute__((section(".kept"), used)) static const entry_point entry_points[] = {{{names}}};
"""


@dataclass(frozen=True)
class Cost:
    """Instructions of one call each way."""

    forward: int
    inverse: int


def instructions_per_transform(
    lengths: Iterable[int] = LENGTHS, toolchain: Toolchain | None = None
) -> dict[int, dict[str, Cost]]:
    """Length -> "mixed radix" and, where there is one, "CMSIS-DSP"; `toolchain` None is the first that is here.

    Raises AssertionError where the device gives other integers than numpy.
    """
    with tempfile.TemporaryDirectory(prefix="stapes-transforms-") as work:
        files = [*map(runtime_file, _FILES), *sources().c_files]
        firmware = Firmware(link_functions(Path(work), _FUNCTIONS, files, toolchain or find_toolchain()))
    device = _Device(firmware)
    found = {}
    for length in lengths:
        found[length] = {"mixed radix": device.mixed(length)}
        if length in SERVED_BY_CMSIS_DSP:
            found[length]["CMSIS-DSP"] = device.cmsis(length)
    return found


def link_functions(work: Path, functions: Iterable[str], files: Iterable[Path], chain: Toolchain) -> Path:
    """A program of functions that nobody but the emulator calls, of these files and the folders of CMSIS-DSP's headers."""
    names = list(functions)
    source, elf = work / "functions.c", work / "functions.elf"
    declared = "\n".join(f"extern void {name}(void);" for name in names)
    source.write_text(_START.format(declared=declared, names=", ".join(names)))
    cmsis = sources()
    system = [option for folder in cmsis.include_dirs for option in ("-isystem", str(folder))]
    flags = [*chain.flags, *chain.link_flags, "-std=c99", OPTIMISATION, "-w", "-ffunction-sections", "-fdata-sections"]
    flags += [*system, *(f"-D{name}" for name in cmsis.defines), *linker_script(work), "-Wl,--gc-sections"]
    call_compiler([*chain.command, *flags, *map(str, (source, *files)), "-o", str(elf)])
    return elf


class _Device:
    """Places tables and arrays, calls both ways, compares."""

    def __init__(self, firmware: Firmware) -> None:
        self.counter = InstructionCounter(firmware)
        self.at = EXCHANGE

    def _place(self, array: np.ndarray) -> int:
        place = self.at
        self.counter.device.write(place, np.ascontiguousarray(array).tobytes())
        self.at += -(-array.nbytes // 8) * 8
        return place

    def _words(self, *values: int) -> int:
        return self._place(np.array(values, "<u4"))

    def _count(self, function: str, tables: int, given: np.ndarray, expected: np.ndarray, room: int) -> int:
        """Instructions of a call that takes `given` and makes `expected` in `room` words."""
        source, target = self._place(given.astype("<i4")), self._place(np.zeros(room, "<i4"))
        _, count = self.counter.count(function, tables, source, target)
        made = np.frombuffer(self.counter.device.read(target, 4 * expected.size), "<i4")
        np.testing.assert_array_equal(made, expected.reshape(-1), err_msg=f"{function}, {room} words")
        return count.instructions

    def mixed(self, length: int) -> Cost:
        self.at = EXCHANGE
        tables = mixed_rfft_tables(length)
        transform = MixedRfftQ31(tables)
        arrays = [self._place(table) for table in (tables.stages, tables.twiddle_q31, tables.split_q31)]
        place = self._words(length | len(tables.stages) // 2 << 16, *arrays)
        time = _noise(length, TIME_LIMIT)
        spectrum = transform.forward(time)
        forward = self._count("stapes_mixed_rfft_q31", place, time, spectrum, length + 2)
        back, _ = transform.inverse(spectrum)
        return Cost(forward, self._count("stapes_mixed_irfft_q31", place, spectrum, back, length))

    def cmsis(self, length: int) -> Cost:
        self.at = EXCHANGE
        tables = rfft_tables(length)
        transform = RfftQ31(tables)
        names = ("twiddle_q31", "bit_reversal", "split_a_q31", "split_b_q31")
        arrays = [self._place(getattr(tables, name)) for name in names]
        place = self._words(length | len(tables.bit_reversal) << 16, *arrays)
        time = _noise(length, 2**30 - 1)
        spectrum = transform.forward(time)
        forward = self._count("stapes_rfft_q31", place, time, spectrum, 2 * length)
        return Cost(forward, self._count("stapes_irfft_q31", place, spectrum, transform.inverse(spectrum), length))


def _noise(length: int, limit: int) -> np.ndarray:
    return np.random.default_rng(length).integers(-limit, limit + 1, (1, length))


def transform_rows(found: dict[int, dict[str, Cost]]) -> list[dict[str, Any]]:
    """One row a length, ready for JSON."""
    return [
        {"length": length, **{name: [cost.forward, cost.inverse] for name, cost in costs.items()}}
        for length, costs in found.items()
    ]


def transform_table(rows: list[dict[str, Any]]) -> Table:
    """Instructions of both transforms, forward and inverse."""
    table = Table(title="real transforms on a Cortex-M7, instructions forward and inverse", title_justify="left")
    for heading in ("points", "mixed radix", "", "CMSIS-DSP", ""):
        table.add_column(heading, justify="right")
    for row in rows:
        counts = [*row["mixed radix"], *row.get("CMSIS-DSP", ())]
        table.add_row(f"{row['length']:,}", *(f"{count:,}" for count in counts))
    return table
