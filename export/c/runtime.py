"""Which files of the C runtime a program needs: a function stands in the file of its name, and headers name the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

RUNTIME = Path(__file__).parent.parent / "runtime"

# Tables that a header declares stand in a .c file of their own.
_TABLES = {
    "stapes_elementwise.h": ("stapes_sigmoid_table.c",),
    "stapes_audio_scalar.h": ("stapes_log2_table.c", "stapes_exp2_table.c"),
}
_ALWAYS = ("stapes_status.h", "stapes_align.h", "stapes_nn.h")


def _included(path: Path) -> list[str]:
    # A name with a folder in it is of CMSIS-DSP.
    return re.findall(r'^#include "([^"/]+)"', path.read_text(encoding="utf-8"), re.MULTILINE)


def runtime_files(functions: Iterable[str], sources: Iterable[str] = ()) -> list[str]:
    """Names of the files that these functions and .c files need, headers included, sorted."""
    pending = [*_ALWAYS, *sources, *(f"{function}.c" for function in functions)]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += [*_included(RUNTIME / name), *_TABLES.get(name, ())]
    return sorted(found)


def runtime_text(name: str) -> str:
    """The text of one runtime file."""
    return (RUNTIME / name).read_text(encoding="utf-8")
