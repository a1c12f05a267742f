"""Constants of the stage `look_ahead`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.look_ahead import LookAhead
from ...models.audio.transform import Transform
from .c_struct import Int32


@dataclass(frozen=True)
class Params:
    """Number of bins; frames after the one that is given, frames before it, and the bins of the taps."""

    c_name: ClassVar[str] = "stapes_look_ahead_params"

    bins: Int32
    frames: Int32
    past: Int32
    tap_bins: Int32


def params(settings: LookAhead, transform: Transform) -> Params:
    """The settings as they are."""
    return Params(transform.bins, settings.frames, settings.past, settings.bins)
