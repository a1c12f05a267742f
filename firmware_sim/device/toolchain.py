"""Compiles an exported program for a device: GCC for Arm when it is there, else Clang from the package ziglang."""

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
from .targets import CORTEX_M7, Core

HERE = Path(__file__).parent / "c"
GCC = CORTEX_M7.compiler
OPTIMISATION = "-O2"
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


def _gcc(core: Core) -> Toolchain | None:
    if shutil.which(GCC) is None or not _has_newlib():
        return None
    flags = (*core.flags, "-fstack-usage")
    return Toolchain("gcc", (GCC,), flags, (*core.flags, "-nostartfiles"), stack_usage=True)


def _has_newlib() -> bool:
    """GCC echoes the bare name of a file that it does not find."""
    done = children.run([GCC, "-print-file-name=libc.a"])
    return Path(done.stdout.strip()).is_absolute()


def _zig(core: Core) -> Toolchain | None:
    if importlib.util.find_spec("ziglang") is None:
        return None
    # Its options for a processor have GCC's names, with underscores.
    processor = next(flag for flag in core.flags if flag.startswith("-mcpu="))
    own = ("-target", "thumb-freestanding-eabihf", processor.replace("cortex-", "cortex_"))
    flags = (*own, "-fno-sanitize=all", "-isystem", str(HERE / "freestanding"))
    return Toolchain(
        "zig", (sys.executable, "-m", "ziglang", "cc"), flags, (*own, "-Wl,-e,Reset_Handler"), stack_usage=False
    )


_FINDERS = {"gcc": _gcc, "zig": _zig}


def available_toolchains() -> tuple[str, ...]:
    """Names of the toolchains that are here, the preferred one first."""
    return tuple(name for name, find in _FINDERS.items() if find(CORTEX_M7) is not None)


def find_toolchain(name: str | None = None, core: Core = CORTEX_M7) -> Toolchain:
    """The toolchain `name` ("gcc" or "zig") for a core, else the first that is here; raises StapesError when there is none."""
    for finder in [_FINDERS[name]] if name else _FINDERS.values():
        found = finder(core)
        if found is not None:
            return found
    raise StapesError(f"engine cortex-m7: no compiler for the {core.name} found; {REMEDY}")


def build(
    folder: Path,
    name: str,
    work: Path,
    *,
    core: Core = CORTEX_M7,
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
    chain = toolchain or find_toolchain(core=core)
    cmsis = sources()
    system = [option for folder in cmsis.include_dirs for option in ("-isystem", str(folder))]
    common = [*chain.command, *chain.flags, *_COMMON, *system, *(f"-D{name}" for name in cmsis.defines)]
    strict = [*common, *STRICT, "-Werror", *(["-DSTAPES_CORTEX_M7=0"] if portable else [])]
    own = [*strict, *program_defines(folder, name, trace, ports)]
    if core.counter:
        own.append(f"-DDEVICE_COUNTER={core.counter.address:#x}u")
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
    link = [*linker_script(work, core), "-Wl,--gc-sections", *map(str, objects.values()), "-o", str(elf)]
    call_compiler([*chain.command, *chain.link_flags, *link])
    return Build(elf, objects)


def linker_script(work: Path, core: Core = CORTEX_M7) -> list[str]:
    """The linker's option for the memory map, written to `work` as one file: zig's linker finds nothing to INCLUDE."""
    script = work / "device.ld"
    script.write_text(core.linker_script)
    return ["-T", str(script)]


def new_work_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="stapes-m7-"))
