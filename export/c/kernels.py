"""Which kernel multiplies for an operator on a target: what `stapes inspect` tells."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..targets import Target

# A kernel that has no assembly of its own.
PORTABLE = "portable C"


@dataclass(frozen=True)
class Kernel:
    """A kernel in words, and how many of the `groups` of 4 rows x 4 columns of a packed matrix are stored.

    Both numbers are 0 for weights that are packed otherwise, and for an operator that shares those of another one.
    """

    form: str
    stored: int = 0
    groups: int = 0


def on_target(kernel: Kernel, target: Target) -> Kernel:
    """The kernel as a target has it: the forms are those of a core."""
    return kernel if target.core else replace(kernel, form=PORTABLE)
