"""Constants of the stage `strength`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.strength import Strength
from ...models.audio.transform import Transform
from .c_struct import Int32
from .transform_formats import transform_formats


@dataclass(frozen=True)
class Params:
    """Number of bins; `filtered` is 2^filtered_shift times what shall sound."""

    c_name: ClassVar[str] = "stapes_strength_params"

    bins: Int32
    filtered_shift: Int32


def params(settings: Strength, transform: Transform) -> Params:
    """Bins and shift; the mix is a control."""
    return Params(transform.bins, transform_formats(transform).filtered_shift)
