"""What a program will take of the device, from its arrays alone: constants in flash, context in RAM, multiplications."""

from __future__ import annotations

from dataclasses import dataclass

from export.c.program import build_program
from models.frontend import FrontEnd
from quantize.graph import Graph

# The scalars and pointers of `stapes_audio_state` and of the context itself, with 4-byte pointers.
AUDIO_STATE_BYTES = 80
CONTEXT_BYTES = 8


@dataclass(frozen=True)
class Costs:
    """Bytes by part; code is not counted, it depends on the compiler."""

    macs: int
    flash_by_part: dict[str, int]
    ram_by_part: dict[str, int]

    @property
    def flash_bytes(self) -> int:
        return sum(self.flash_by_part.values())

    @property
    def ram_bytes(self) -> int:
        return sum(self.ram_by_part.values())


def costs(graph: Graph, name: str, frontend: FrontEnd | None) -> Costs:
    """Costs of the C program of a graph, with its audio path when there is one."""
    alone = build_program(graph, name, None)
    whole = build_program(graph, name, frontend)
    flash = {"network": alone.weight_bytes, "audio path": whole.weight_bytes - alone.weight_bytes}
    ram = {"states": whole.state_bytes, "arena": whole.arena_bytes}
    if whole.audio is not None:
        ram |= {
            "audio path": whole.audio.array_bytes + AUDIO_STATE_BYTES,
            "audio scratch": whole.audio.scratch_bytes,
        }
    return Costs(whole.multiplies, flash, {**ram, "context": CONTEXT_BYTES})
