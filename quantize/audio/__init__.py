"""Every table and integer constant of the fixed-point path, computed once from its settings, for Python and for C.

c_struct      dataclasses that are structs in C; rounding of constants
rfft          tables of the real transform; log2_table of the logarithm
transform, power, wiener, ...   one file a kind of stage: `Params`, and `params(settings, transform)` which makes them
level         what logarithmic features share
scaling       to the network and back; ends: of all its tensors

A kind is found by the name of its file, as in `models/audio`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...models.audio import SoundPath, Stage, kinds
from ...models.audio.transform import Transform
from ...models.errors import StapesError
from .c_struct import checked, members

# Golden audio in a bundle's vectors, beside the codes of the network's inputs and outputs.
AUDIO_IN, AUDIO_OUT = "audio_in_q15", "audio_out_q15"


def stage_params(stage: Stage, transform: Transform) -> Any:
    """The constants of one stage, the dataclass `Params` of its kind; raises StapesError when a value is out of what the formats hold."""
    module = importlib.import_module(f".{stage.kind}", __package__)
    made = module.params(stage, transform)
    for member in members(type(made)):
        if member.struct is not None:
            checked(getattr(made, member.name))
    return checked(made)


def path_params(sound_path: SoundPath) -> tuple[Any, ...]:
    """The constants of every stage, in order; raises StapesError when a value is out of what the formats hold."""
    return tuple(stage_params(stage, sound_path.transform) for stage in sound_path.stages)


def traced_dtype(name: str) -> np.dtype:
    """The type of a quantity that a stage of any kind traces."""
    known = {q.name: q.dtype for kind in kinds().values() for q in kind().quantities if q.name in kind.traced}
    return np.dtype(known[name])


def require_free_tensors(names: Iterable[str], sound_path: SoundPath | None) -> None:
    """Raise StapesError for a tensor whose name the tables of a program cannot hold, or that the path has itself."""
    taken = (*sound_path.traced, AUDIO_IN, AUDIO_OUT) if sound_path is not None else ()
    for name in names:
        if "\0" in name:
            raise StapesError(f"tensor {name!r} has a zero character in its name, where a name in C ends; rename it")
        if name in taken:
            raise StapesError(f"tensor '{name}' has the name of a quantity of the audio path; rename it in the network")
