"""Constants of the stage `through`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.through import Through
from ...models.audio.transform import Transform
from .c_struct import Int32
from .transform_formats import transform_formats


@dataclass(frozen=True)
class Params:
    """Number of bins; `filtered` is 2^filtered_shift times the spectrum."""

    c_name: ClassVar[str] = "stapes_through_params"

    bins: Int32
    filtered_shift: Int32


def params(settings: Through, transform: Transform) -> Params:
    """Bins and shift."""
    return Params(transform.bins, transform_formats(transform).filtered_shift)
