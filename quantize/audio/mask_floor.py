"""Constants of the stage `mask_floor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.mask_floor import MaskFloor
from ...models.audio.transform import Transform
from .c_struct import Int32


@dataclass(frozen=True)
class Params:
    """Number of bins."""

    c_name: ClassVar[str] = "stapes_mask_floor_params"

    bins: Int32


def params(settings: MaskFloor, transform: Transform) -> Params:
    """The bins; the floor is a control."""
    return Params(transform.bins)
