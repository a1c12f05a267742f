"""Which files of the C runtime a program needs: a function stands in the file of its name, and headers name the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

RUNTIME = Path(__file__).parent.parent / "runtime"

# Tables that a header declares stand in a .c file of their own.
_TABLES = {
    "stapes_elementwise.h": ("stapes_sigmoid_table.c",),
    "stapes_gru_cell.h": ("stapes_gate_table.c",),
    "stapes_audio_scalar.h": ("stapes_log2_table.c", "stapes_exp2_table.c"),
}
_ALWAYS = ("stapes_status.h", "stapes_config.h", "stapes_nn.h")


def _mentioned(name: str) -> list[str]:
    """The files that a runtime file includes, and those of the functions that a .c file calls."""
    text = runtime_text(name)
    # A name with a folder in it is of CMSIS-DSP.
    files = re.findall(r'^#include "([^"/]+)"', text, re.MULTILINE)
    if name.endswith(".c"):
        files += [f"{function}.c" for function in set(re.findall(r"\bstapes_\w+", text))]
    return [file for file in files if (RUNTIME / file).is_file()]


def runtime_files(functions: Iterable[str], sources: Iterable[str] = ()) -> list[str]:
    """Names of the files that these functions and .c files need, headers included, sorted."""
    pending = [*_ALWAYS, *sources, *(f"{function}.c" for function in functions)]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += [*_mentioned(name), *_TABLES.get(name, ())]
    return sorted(found)


def runtime_text(name: str) -> str:
    """The text of one runtime file."""
    return (RUNTIME / name).read_text(encoding="utf-8")
