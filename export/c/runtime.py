"""Which files of the C runtime a program needs: a function stands in the file of its name, and headers name the rest.

The runtime lies in rooms, folders by family, and is exported in the same folders. The header `stapes_ROOM.h` of a room
declares what a program calls. A file is known by its name alone, which is the name of no other one. Files include each
other by their relative place, so that no include path is needed.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

RUNTIME = Path(__file__).parent.parent / "runtime"
FOLDER = "runtime"  # of an export

# Tables that a header declares stand in a .c file of their own.
_TABLES = {
    "stapes_elementwise.h": ("stapes_sigmoid_table.c",),
    "stapes_gru_cell.h": ("stapes_gate_table.c",),
    "stapes_audio_scalar.h": ("stapes_log2_table.c", "stapes_exp2_table.c"),
}
_ALWAYS = ("stapes_status.h", "stapes_config.h")


@functools.cache
def _rooms() -> Mapping[str, str]:
    """Name of each file -> its path in the runtime."""
    return {path.name: path.relative_to(RUNTIME).as_posix() for path in sorted(RUNTIME.rglob("*.[ch]"))}


def _mentioned(name: str) -> list[str]:
    """The files that a runtime file includes, and those of the functions that a .c file calls."""
    text = runtime_text(name)
    files = re.findall(r'^#include "(?:[^"]*/)?([^"/]+)"', text, re.MULTILINE)
    if name.endswith(".c"):
        files += [f"{function}.c" for function in set(re.findall(r"\bstapes_\w+", text))]
    # What is not in the runtime is of CMSIS-DSP.
    return [file for file in files if file in _rooms()]


def runtime_files(functions: Iterable[str], sources: Iterable[str] = ()) -> list[str]:
    """Paths in the runtime of the files that these functions and .c files need, headers included, sorted."""
    pending = [*_ALWAYS, *sources, *(f"{function}.c" for function in functions)]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += [*_mentioned(name), *_TABLES.get(name, ())]
    return sorted(_rooms()[name] for name in found)


def runtime_file(name: str) -> Path:
    """The runtime file of this name, or of this path in the runtime."""
    return RUNTIME / _rooms()[Path(name).name]


def exported_path(name: str) -> str:
    """Where the file of this name lies in an export: `runtime/room/name`."""
    return f"{FOLDER}/{_rooms()[name]}"


def exported_headers(functions: Iterable[str]) -> list[str]:
    """Where the headers of the rooms in which these functions stand lie in an export, sorted."""
    rooms = {Path(_rooms()[f"{function}.c"]).parent.name for function in functions}
    return sorted(exported_path(f"stapes_{room}.h") for room in rooms)


def runtime_text(name: str) -> str:
    """The text of one runtime file, by its name or its path."""
    return runtime_file(name).read_text(encoding="utf-8")


def runtime_includes() -> list[str]:
    """Compiler options with which C that is no part of an export includes every header by its name alone."""
    return [f"-I{folder}" for folder in sorted({(RUNTIME / path).parent for path in _rooms().values()})]
