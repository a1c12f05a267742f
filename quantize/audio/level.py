"""Constants of the level over which logarithmic features stand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.level import FLOOR_RATIO, SMOOTHING
from .c_struct import Int32, UInt32
from .rounding import rounded
from .wiener import require_noise_floor


@dataclass(frozen=True)
class LevelParams:
    """`floor_q16` is the floor of the logarithm, `count_reciprocal_q32` 2^32 / count; the level moves by the difference >> shift."""

    c_name: ClassVar[str] = "stapes_level_params"

    count: Int32
    floor_q16: Int32
    count_reciprocal_q32: UInt32
    shift: Int32


def level_params(noise_floor: float, count: int) -> LevelParams:
    """Of `count` values a frame; raises StapesError for a floor that the powers cannot hold."""
    require_noise_floor(noise_floor)
    return LevelParams(
        count=count,
        floor_q16=rounded(math.log2(noise_floor * FLOOR_RATIO) * 2.0**16),
        count_reciprocal_q32=rounded(2.0**32 / count),
        shift=rounded(-math.log2(SMOOTHING)),
    )
