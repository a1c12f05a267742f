"""Where the quantities of a path lie between its stages.

What lives while the network runs is a member of the context. All else lies in scratch, which the network takes turns with, for as
long as it is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ....models.audio import Quantity, SoundPath, Stage
from ...memory import Buffer, plan
from .stage import c_stage

ALIGNMENT = 8


@dataclass(frozen=True)
class Array:
    """An array of a path: `offset` in the scratch in bytes, None in the context. `first` is the step that makes it."""

    name: str
    dtype: str
    size: int
    first: int
    offset: int | None

    @property
    def bytes(self) -> int:
        return self.size * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Memory:
    """All arrays by name, and the bytes of the scratch."""

    arrays: dict[str, Array]
    scratch_bytes: int


def values(shape: tuple[int | str, ...], sound_path: SoundPath, stage: Stage | None = None) -> int:
    """How many a shape holds; see `Quantity.shape`; in the state of a stage with the stage's own letters."""
    letters = {**sound_path.transform.sizes, **(stage.sizes if stage is not None else {})}
    return math.prod(letters[part] if isinstance(part, str) else part for part in shape)


def place(sound_path: SoundPath) -> Memory:
    """Steps are the stages in front of the network, features to its inputs, the network, its outputs to what is asked for, the stages
    behind it.
    """
    before, after = sound_path.before, sound_path.after
    to_network, network, to_mask = len(before), len(before) + 1, len(before) + 2
    steps = [*enumerate(before), *enumerate(after, to_mask + 1)]
    made: dict[str, tuple[int, Quantity]] = {}
    for step, stage in steps:
        for quantity in stage.makes:
            if quantity.shape and quantity.name not in ("output_q15", *c_stage(stage.kind).views):
                # What takes another's place stands in its memory.
                made.setdefault(quantity.name, (step, quantity))
    made |= {quantity.name: (to_mask, quantity) for quantity in sound_path.asked}
    last = {name: step for step, stage in steps for name in stage.reads}
    last |= {quantity.name: to_network for quantity in sound_path.given}
    arrays: dict[str, Array] = {}
    buffers: list[Buffer] = []
    for name, (first, quantity) in made.items():
        end = last.get(name, first)
        arrays[name] = Array(name, quantity.dtype, values(quantity.shape, sound_path), first, None)
        if not first < network < end:
            buffers.append(Buffer(name, arrays[name].bytes, first, end))
    for step, stage in steps:
        for member in c_stage(stage.kind).scratch:
            name = scratch_name(stage, member.name)
            arrays[name] = Array(member.name, member.dtype, values(member.shape or (), sound_path), step, None)
            buffers.append(Buffer(name, arrays[name].bytes, step, step))
    planned = plan(buffers, ALIGNMENT)
    for name, offset in planned.offsets.items():
        known = arrays[name]
        arrays[name] = Array(known.name, known.dtype, known.size, known.first, offset)
    return Memory(arrays, planned.size)


def scratch_name(stage: Stage, name: str) -> str:
    """The key of a stage's scratch, which no quantity has."""
    return f"{stage.kind}: {name}"
