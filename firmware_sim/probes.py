"""Does a compiler or an emulator work here? Found out by letting it work: one that is installed may still lack its library.

Each function raises StapesError with the first complaint.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..models import children
from ..models.errors import StapesError

if TYPE_CHECKING:
    from .device.toolchain import Toolchain

_LONGEST_SECONDS = 120
_PROGRAM = """#include <stdint.h>
#include <stdio.h>
#include <string.h>
int main(void) { return puts("") < 0 || strlen("") != 0; }
"""
_OBJECT = "#include <string.h>\nint probe(void);\nint probe(void) { return 1; }\n"


def probe_program(compiler: Sequence[str], run_by: Sequence[str] = (), suffix: str = "c") -> None:
    """A program is compiled and linked with the C library, and runs, in an emulator where `run_by` is one."""
    with tempfile.TemporaryDirectory(prefix="stapes-probe-") as folder:
        source = Path(folder) / f"probe.{suffix}"
        source.write_text(_PROGRAM)
        program = source.with_suffix("")
        probe_call([*compiler, str(source), "-lm", "-o", str(program)])
        probe_call([*run_by, str(program)])


def probe_toolchain(chain: Toolchain) -> None:
    """A compiler for the device turns a file into an object."""
    with tempfile.TemporaryDirectory(prefix="stapes-probe-") as folder:
        source = Path(folder) / "probe.c"
        source.write_text(_OBJECT)
        probe_call([*chain.command, *chain.flags, "-c", str(source), "-o", f"{folder}/probe.o"])


def probe_call(command: Sequence[str]) -> str:
    """Both streams of a program that has to end well."""
    try:
        done = children.run(command, timeout=_LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        raise StapesError(f"{command[0]}: no end after {_LONGEST_SECONDS} s") from None
    except OSError as error:
        raise StapesError(f"{command[0]}: {error.strerror or error}") from None
    if done.returncode:
        said = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        wrong = next((line for line in said if "error" in line), said[0] if said else f"ends with {done.returncode}")
        raise StapesError(f"{Path(command[0]).name}: {wrong}")
    return done.stdout + done.stderr
