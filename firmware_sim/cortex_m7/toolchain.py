"""Compiles an exported program for the Cortex-M7: GCC for Arm when it is there, else Clang from the package ziglang."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ...models import children
from ...models.errors import StapesError
from ..cmsis_dsp import sources
from ..device.targets import CORTEX_M7
from ..engines.program import (
    SHIM,
    STRICT,
    Ports,
    call_compiler,
    needs_transform,
    program_defines,
    program_files,
    runtime_of,
    self_test_files,
    shared_object,
)

HERE = Path(__file__).parent / "c"
GCC = CORTEX_M7.compiler
OPTIMISATION = "-O2"
_SECTIONS = HERE.parents[1] / "device" / "sections.ld"
_COMMON = (
    "-std=c99",
    OPTIMISATION,
    "-gdwarf-4",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
)
REMEDY = (
    "install gcc-arm-none-eabi and libnewlib-arm-none-eabi (Debian), or: pip install 'stapes[m7]', which brings ziglang"
)


@dataclass(frozen=True)
class Toolchain:
    """A cross compiler; `stack_usage` tells whether it writes the stack of each function to a file."""

    name: str
    command: tuple[str, ...]
    flags: tuple[str, ...]
    link_flags: tuple[str, ...]
    stack_usage: bool

    @property
    def version(self) -> str:
        """First line of what the compiler says of itself."""
        done = children.run([*self.command, "--version"])
        return (done.stdout.splitlines() or [self.name])[0]


@dataclass(frozen=True)
class Build:
    """A linked program and its object files, by the name of their source."""

    elf: Path
    objects: dict[str, Path]


def _gcc() -> Toolchain | None:
    if shutil.which(GCC) is None or not _has_newlib():
        return None
    flags = (*CORTEX_M7.flags, "-fstack-usage")
    return Toolchain("gcc", (GCC,), flags, (*CORTEX_M7.flags, "-nostartfiles"), stack_usage=True)


def _has_newlib() -> bool:
    """GCC echoes the bare name of a file that it does not find."""
    done = children.run([GCC, "-print-file-name=libc.a"])
    return Path(done.stdout.strip()).is_absolute()


def _zig() -> Toolchain | None:
    if importlib.util.find_spec("ziglang") is None:
        return None
    core = ("-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m7")
    flags = (*core, "-fno-sanitize=all", "-isystem", str(HERE / "freestanding"))
    return Toolchain(
        "zig", (sys.executable, "-m", "ziglang", "cc"), flags, (*core, "-Wl,-e,Reset_Handler"), stack_usage=False
    )


_FINDERS = {"gcc": _gcc, "zig": _zig}


def available_toolchains() -> tuple[str, ...]:
    """Names of the toolchains that are here, the preferred one first."""
    return tuple(name for name, find in _FINDERS.items() if find() is not None)


def find_toolchain(name: str | None = None) -> Toolchain:
    """The toolchain `name` ("gcc" or "zig"), else the first that is here; raises StapesError when there is none."""
    for finder in [_FINDERS[name]] if name else _FINDERS.values():
        found = finder()
        if found is not None:
            return found
    raise StapesError(f"engine cortex-m7: no compiler for the Cortex-M7 found; {REMEDY}")


def build(
    folder: Path,
    name: str,
    work: Path,
    *,
    toolchain: Toolchain | None = None,
    trace: bool = False,
    self_test: bool = False,
    portable: bool = False,
    ports: Ports | None = None,
) -> Build:
    """Compile and link an exported folder, the shim and the start-up code into `work`; its self-test too where asked.

    With `ports` what runs is the network, frame by frame, else the whole, hop by hop. `portable` takes the kernels in plain C99
    instead of those with the DSP instructions of the Cortex-M7. The project's own C is compiled with all of its warnings as
    errors, CMSIS-DSP, where the program calls it, without. Raises StapesError with the compiler's first complaint.
    """
    chain = toolchain or find_toolchain()
    cmsis = sources()
    system = [option for folder in cmsis.include_dirs for option in ("-isystem", str(folder))]
    common = [*chain.command, *chain.flags, *_COMMON, *system, *(f"-D{name}" for name in cmsis.defines)]
    strict = [*common, *STRICT, "-Werror", *(["-DSTAPES_CORTEX_M7=0"] if portable else [])]
    own = [*strict, *program_defines(folder, name, trace, ports)]
    files = program_files(folder)
    if self_test:
        files += self_test_files(folder, name)
        own.append(f'-DSTAPES_SELF_TEST_HEADER="{name}_self_test.h"')
    objects = {}
    unused = "main.c" if ports else "network.c"
    for path in [*files, SHIM, *(path for path in sorted(HERE.glob("*.c")) if path.name != unused)]:
        if runtime := runtime_of(folder, path):
            objects[path.name] = shared_object(strict, path, runtime)
        else:
            objects[path.name] = work / f"{path.stem}.o"
            call_compiler([*own, "-c", str(path), "-o", str(objects[path.name])])
    for path in cmsis.c_files if needs_transform(folder) else ():
        objects[path.name] = shared_object([*common, "-w"], path)
    elf = work / f"{name}.elf"
    link = [*linker_script(work), "-Wl,--gc-sections", *map(str, objects.values()), "-o", str(elf)]
    call_compiler([*chain.command, *chain.link_flags, *link])
    return Build(elf, objects)


def linker_script(work: Path) -> list[str]:
    """The linker's option for the memory map, written to `work` as one file: zig's linker finds nothing to INCLUDE."""
    script = work / "m7.ld"
    script.write_text((HERE / script.name).read_text().replace(f"INCLUDE {_SECTIONS.name}\n", _SECTIONS.read_text()))
    return ["-T", str(script)]


def new_work_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="stapes-m7-"))
