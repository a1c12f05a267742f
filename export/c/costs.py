"""What a program takes of the device, from its arrays alone: constants in flash, context in RAM, multiplications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...models.audio import SoundPath
from ...quantize.graph import Graph
from ..memory import aligned
from ..targets import CORTEX_M7, Target
from .audio import AudioProgram
from .kernels import Kernel
from .program import Program, build_program
from .variables import Variable

# 64-bit integers stand on boundaries of 8 bytes: the procedure call standard for Arm.
_GUARD = _POINTER = 4


@dataclass(frozen=True)
class Costs:
    """Bytes by part; code is not counted, it depends on the compiler. The RAM is `sizeof` the context on a Cortex-M, `ears_bytes` that of
    two ears, None of a network alone.

    `kernels` says by operator what multiplies on the target.
    """

    macs: int
    kernels: Mapping[str, Kernel]
    flash_by_part: dict[str, int]
    ram_by_part: dict[str, int]
    ears_bytes: int | None = None

    @property
    def flash_bytes(self) -> int:
        return sum(self.flash_by_part.values())

    @property
    def ram_bytes(self) -> int:
        return sum(self.ram_by_part.values())


def costs(graph: Graph, name: str, sound_path: SoundPath | None, target: Target = CORTEX_M7) -> Costs:
    """Costs of the C program of a graph, with its audio path when there is one."""
    alone = build_program(graph, name, None, target=target)
    whole = build_program(graph, name, sound_path, target=target)
    flash = {"network": alone.weight_bytes, "audio path": whole.weight_bytes - alone.weight_bytes}
    return Costs(whole.multiplies, whole.kernels, flash, ram_by_part(whole), ears_bytes(whole))


def ram_by_part(program: Program) -> dict[str, int]:
    """Bytes of the context by part; the audio path and the network take turns with the scratch."""
    parts = {"network states": program.state_bytes}
    audio = program.audio
    if audio is None:
        parts["scratch"] = program.arena_bytes
    else:
        parts["audio path"] = _audio_bytes(audio)[0] + _size(_made(audio))[0]
        parts["network input and output"] = sum(size for size, _ in _ends(program))
        parts["scratch"] = max(audio.scratch_bytes, program.arena_bytes)
        if audio.controls is not None:
            parts["controls"] = _controls_bytes(audio.controls.words)
    parts["guard and padding"] = context_bytes(program) - sum(parts.values())
    return parts


def _ends(program: Program) -> list[tuple[int, int]]:
    """Bytes and alignment of each input and each output of the network, which a context with an audio path holds."""
    return [_array(port) for port in (*program.inputs, *program.outputs)]


def _controls_bytes(words: int) -> int:
    """What is in force, what was given, and two counts."""
    return 4 * (2 * words + 2)


def _array(variable: Variable) -> tuple[int, int]:
    """Bytes and alignment of an array in the context."""
    width = np.dtype(variable.type.removesuffix("_t")).itemsize
    return variable.size * width, width


def context_bytes(program: Program) -> int:
    """`sizeof` the context on a Cortex-M."""
    if program.audio is None:
        states = [_array(state) for state in program.states]
        return _size([(_GUARD, _GUARD), *states, (program.arena_bytes, 4)])[0]
    return _size([_ear(program, program.audio), _scratch(program, program.audio)])[0]


def ears_bytes(program: Program) -> int | None:
    """`sizeof` the memory of two ears on a Cortex-M, None of a network alone."""
    if program.audio is None:
        return None
    ear = _ear(program, program.audio)
    return _size([ear, ear, _scratch(program, program.audio)])[0]


def _ear(program: Program, audio: AudioProgram) -> tuple[int, int]:
    members = [
        (_GUARD, _GUARD),
        (_POINTER, _POINTER),
        *(_array(state) for state in program.states),
        _audio_bytes(audio),
    ]
    if audio.controls is not None:
        members.append((_controls_bytes(audio.controls.words), 4))
    return _size(members)


def _scratch(program: Program, audio: AudioProgram) -> tuple[int, int]:
    made = [_size(_made(audio))] if audio.kept else []
    return _size([*made, *_ends(program), (aligned(max(audio.scratch_bytes, program.arena_bytes), 8), 8)])


def _audio_bytes(audio: AudioProgram) -> tuple[int, int]:
    return _size([(member.bytes, member.alignment) for member in audio.members])


def _made(audio: AudioProgram) -> list[tuple[int, int]]:
    return [(member.bytes, member.alignment) for member in audio.kept]


def _size(members: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """`sizeof` and alignment of a struct: its members in order, as (bytes, alignment)."""
    end, widest = 0, 1
    for size, alignment in members:
        end = aligned(end, alignment) + size
        widest = max(widest, alignment)
    return aligned(end, widest), widest
