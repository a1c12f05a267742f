"""The functions of one number that the audio path is made of, alone on the emulated device: instructions a call, held to numpy."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...export.c.runtime import RUNTIME, runtime_files, runtime_includes
from ...firmware_sim.audio import scalar
from ...firmware_sim.cortex_m7.counting import InstructionCounter
from ...firmware_sim.cortex_m7.unicorn_device import EXCHANGE
from ...firmware_sim.device.firmware import Firmware
from ...firmware_sim.device.toolchain import OPTIMISATION, Toolchain, find_toolchain, linker_script
from ...firmware_sim.engines.program import call_compiler

NUMBERS = 512
_HEADER = "stapes_audio_scalar.h"
_LOOP = """
void {name}_of_each(const {given} *x, {made} *y);
void {name}_of_each(const {given} *x, {made} *y)
{{
    for (int32_t i = 0; i < {numbers}; i++) {{
        y[i] = {name}(x[i]);
    }}
}}
"""
# What the linker would drop, as nothing but the emulator calls it.
_START = """
typedef void (*entry_point)(void);
void Reset_Handler(void);
void Reset_Handler(void) {{}}
__attribute__((section(".kept"), used)) static const entry_point entry_points[] = {{{loops}}};
"""


@dataclass(frozen=True)
class Function:
    """A function of the runtime, its types in C and its twin in Python."""

    name: str
    given: str
    made: str
    twin: Callable[[np.ndarray], np.ndarray]

    def numbers(self) -> np.ndarray:
        """Of every size that the function takes, as int64."""
        rng = np.random.default_rng(0)
        if self.given == "int32_t":
            return rng.integers(-20 << 16, 10 << 16, NUMBERS)
        return (2.0 ** rng.uniform(0, 32, NUMBERS)).astype(np.int64)


FUNCTIONS = {
    "square root of 32 bits": Function("stapes_isqrt", "uint32_t", "uint32_t", scalar.isqrt),
    "log2 of 32 bits": Function("stapes_log2_q16", "uint32_t", "int32_t", scalar.log2_q16),
    "2^x of 32 bits": Function("stapes_exp2_q20", "int32_t", "int32_t", scalar.exp2_q20),
}


def instructions_per_number(toolchain: Toolchain | None = None) -> dict[str, float]:
    """Function -> instructions a number of NUMBERS, one behind the other; `toolchain` None is the first that is here.

    Raises AssertionError where the device gives other integers than numpy.
    """
    with tempfile.TemporaryDirectory(prefix="stapes-scalars-") as work:
        counter = InstructionCounter(Firmware(_link(Path(work), toolchain or find_toolchain())))
    found = {}
    for label, function in FUNCTIONS.items():
        given, place = function.numbers(), EXCHANGE + 4 * NUMBERS
        counter.device.write(EXCHANGE, given.astype("<u4").tobytes())
        _, count = counter.count(f"{function.name}_of_each", EXCHANGE, place)
        made = np.frombuffer(counter.device.read(place, 4 * NUMBERS), "<u4" if function.made[0] == "u" else "<i4")
        np.testing.assert_array_equal(made, function.twin(given), err_msg=label)
        found[label] = round(count.instructions / NUMBERS, 1)
    return found


def _link(work: Path, chain: Toolchain) -> Path:
    """A loop around each function."""
    source, elf = work / "scalars.c", work / "scalars.elf"
    loops = [
        _LOOP.format(name=function.name, given=function.given, made=function.made, numbers=NUMBERS)
        for function in FUNCTIONS.values()
    ]
    names = ", ".join(f"(entry_point){function.name}_of_each" for function in FUNCTIONS.values())
    source.write_text(f'#include "{_HEADER}"\n' + "".join(loops) + _START.format(loops=names))
    tables = [str(RUNTIME / name) for name in runtime_files([], [_HEADER]) if name.endswith(".c")]
    flags = [*chain.flags, *chain.link_flags, "-std=c99", OPTIMISATION, *runtime_includes()]
    call_compiler([*chain.command, *flags, *linker_script(elf.parent), str(source), *tables, "-o", str(elf)])
    return elf
