"""For which processors C is exported: a target chooses the kernels that come along, and how weights lie for them.

The C of every target computes the same bits, also on processors that are not its own. What is for one core stands in a room
of the runtime, `export/runtime/<core>`, and behind the macro `STAPES_<CORE>`; for another target both are left out. A target
may have a room besides whose files take the place of those of the same name.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..models.errors import StapesError

# Rooms of the runtime that are for one core, and rooms whose files take the place of others.
CORES = ("cortex_m7",)
REPLACING = ("portable", "host")


@dataclass(frozen=True)
class Target:
    """`core` is the room of the target's own kernels, "" for none, `replacing` those of what it has in place of others, the first
    one before the next.

    `row_pairs` says whether weights lie in pairs of rows, see `export.c.packing`; `vectors` that they lie for vector
    instructions: rows of windows whole, and zeros with the rest. `kernels` is in words what multiplies.
    """

    name: str
    core: str
    replacing: tuple[str, ...]
    row_pairs: bool
    vectors: bool
    kernels: str
    about: str


CORTEX_M7 = Target(
    "cortex-m7",
    "cortex_m7",
    (),
    True,
    False,
    "Cortex-M7",
    "assembly for the Cortex-M7, which a Cortex-M4, M33 and M55 take too; everything else takes its portable twin",
)
PORTABLE = Target(
    "portable",
    "",
    ("portable",),
    False,
    False,
    "portable C99",
    "plain C99 for any 32-bit or 64-bit little-endian processor",
)
HOST = Target(
    "host",
    "",
    ("host", "portable"),
    False,
    True,
    "C99 for vectors",
    "plain C99 of which compilers make vector instructions, for laptops, phones and servers",
)
TARGETS = {target.name: target for target in (CORTEX_M7, PORTABLE, HOST)}
# Why a target that has a name cannot be chosen yet.
_PLANNED = {"cortex-m55": "its own kernels (Helium) do not exist yet; use cortex-m7, which gives the same bits on it"}


def find_target(name: str) -> Target:
    """The target of this name; raises `StapesError` for one that is not known or not there yet."""
    if name in TARGETS:
        return TARGETS[name]
    why = _PLANNED.get(name, f"is not known; choose one of {', '.join(TARGETS)}")
    raise StapesError(f"target '{name}'{':' if name in _PLANNED else ''} {why}")
