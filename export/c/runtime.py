"""Which files of the C runtime a program needs: a function stands in the file of its name, and headers name the rest.

The runtime lies in rooms, folders by family, and is exported in the same folders. The header `stapes_ROOM.h` of a room
declares what a program calls. A file is known by its name alone, which is the name of no other one. Files include each
other by their relative place, so that no include path is needed. Kernels for one core stand in the room of that core and
behind its macro; for another target they are left out. A file in a room of a target may take the place of the one of its name.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..targets import CORES, CORTEX_M7, REPLACING, Target

RUNTIME = Path(__file__).parent.parent / "runtime"
FOLDER = "runtime"  # of an export

# Tables that a header declares stand in a .c file of their own.
_TABLES = {
    "stapes_elementwise.h": ("stapes_sigmoid_table.c",),
    "stapes_gru_cell.h": ("stapes_gate_table.c",),
    "stapes_audio_scalar.h": ("stapes_log2_table.c", "stapes_exp2_table.c"),
}
# Says which core's kernels are compiled: of no use without any.
_CORE_HEADER = "stapes_core.h"
_ALWAYS = ("stapes_status.h", "stapes_config.h")


@functools.cache
def _rooms() -> Mapping[str, str]:
    """Name of each file -> its path in the runtime."""
    paths = (path for path in sorted(RUNTIME.rglob("*.[ch]")) if path.parent.name not in REPLACING)
    return {path.name: path.relative_to(RUNTIME).as_posix() for path in paths}


def _mentioned(name: str, target: Target) -> list[str]:
    """The files that a runtime file includes, and those of the functions that a .c file calls."""
    text = runtime_text(name, target)
    files = re.findall(r'^#include "(?:[^"]*/)?([^"/]+)"', text, re.MULTILINE)
    if name.endswith(".c"):
        files += [f"{function}.c" for function in set(re.findall(r"\bstapes_\w+", text))]
    # What is not in the runtime is of CMSIS-DSP.
    return [file for file in files if file in _rooms()]


def runtime_files(functions: Iterable[str], sources: Iterable[str] = (), target: Target = CORTEX_M7) -> list[str]:
    """Paths in the runtime of the files that these functions and .c files need, headers included, sorted."""
    pending = [*_ALWAYS, *sources, *(f"{function}.c" for function in functions)]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += [*_mentioned(name, target), *_TABLES.get(name, ())]
    return sorted(_rooms()[name] for name in found)


@functools.cache
def runtime_sha256() -> str:
    """The hash of all files of the runtime, names and contents."""
    whole = hashlib.sha256()
    for path in sorted(_rooms().values()):
        whole.update(f"{path}\0{hashlib.sha256((RUNTIME / path).read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def runtime_file(name: str, target: Target = CORTEX_M7) -> Path:
    """The runtime file of this name, or of this path in the runtime."""
    rooms = (RUNTIME / room / Path(name).name for room in target.replacing)
    return next((path for path in rooms if path.is_file()), RUNTIME / _rooms()[Path(name).name])


def exported_path(name: str) -> str:
    """Where the file of this name lies in an export: `runtime/room/name`."""
    return f"{FOLDER}/{_rooms()[name]}"


def exported_headers(functions: Iterable[str]) -> list[str]:
    """Where the headers of the rooms in which these functions stand lie in an export, sorted."""
    rooms = {Path(_rooms()[f"{function}.c"]).parent.name for function in functions}
    return sorted(exported_path(f"stapes_{room}.h") for room in rooms)


def runtime_text(name: str, target: Target = CORTEX_M7) -> str:
    """The text of one runtime file, by its name or its path, without what is for the core of another target."""
    text = runtime_file(name, target).read_text(encoding="utf-8")
    if not target.core:
        text = re.sub(rf'^#include "[^"]*{_CORE_HEADER}"\n', "", text, flags=re.MULTILINE)
    for core in CORES:
        if core != target.core:
            text = without_core(text, f"STAPES_{core.upper()}")
    return text


def without_core(text: str, macro: str) -> str:
    """C as it is where a macro is 0: without the lines behind it, and without the condition.

    >>> print(without_core("#if STAPES_M9\\nfast();\\n#else\\nplain();\\n#endif", "STAPES_M9"))
    plain();
    """
    kept: list[str] = []
    # Of each open condition: whether its lines are kept, and whether it is one on the macro, which goes itself.
    open_conditions: list[tuple[bool, bool]] = []
    for line in text.split("\n"):
        if line.startswith("#if"):
            on_macro = line in (f"#if {macro}", f"#if !{macro}")
            open_conditions.append((not on_macro or line.startswith("#if !"), on_macro))
            dropped = on_macro
        elif line.startswith(("#else", "#endif")):
            keeps, dropped = open_conditions.pop()
            if line.startswith("#else"):
                open_conditions.append((not keeps if dropped else keeps, dropped))
        else:
            dropped = False
        blank_again = not line and kept[-1:] == [""]
        if not dropped and not blank_again and all(keeps for keeps, _ in open_conditions):
            kept.append(line)
    return "\n".join(kept)


def runtime_includes() -> list[str]:
    """Compiler options with which C that is no part of an export includes every header by its name alone."""
    return [f"-I{folder}" for folder in sorted({(RUNTIME / path).parent for path in _rooms().values()})]
