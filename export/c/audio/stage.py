"""What the exporter knows of a stage's C besides its constants: its state, its scratch, and the order of its arguments."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ....quantize.audio.c_struct import Member
from ...targets import Target

__all__ = ["CStage", "Member", "c_stage"]


@dataclass(frozen=True)
class CStage:
    """`stapes_KIND(params, state, controls, arguments...)`, with controls where the kind has some that are members of
    `NAME_controls`.

    `arguments` are names of quantities and of `scratch`: what the function reads, memory for within the call, what it makes.
    What a path does not read is null. Scalars that a stage makes are members of its state, under their names.
    `state`: members of `stapes_KIND_state` in order; arrays lie in the context, and the state points at them. A view that a stage
    makes is such a member too.
    `companions`: functions of the runtime that the program does not call, but an application that has this stage.
    `packed`: the constants as the kernels of a target read them, where that is another way than that of the simulator.
    """

    arguments: tuple[str, ...]
    state: tuple[Member, ...] = ()
    scratch: tuple[Member, ...] = ()
    companions: tuple[str, ...] = ()
    packed: Callable[[Any, Target], Any] | None = None

    @property
    def views(self) -> tuple[str, ...]:
        """Names of the pointers that the function sets."""
        return tuple(member.name for member in self.state if member.view)


def c_stage(kind: str) -> CStage:
    """`STAGE` in the file of a kind."""
    result: CStage = importlib.import_module(f".{kind}", __package__).STAGE
    return result
