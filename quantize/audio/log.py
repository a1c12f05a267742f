"""Constants of the stage `log`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.log import CLIP, RANGE, Log
from ...models.audio.transform import Transform
from .c_struct import Int32
from .level import LevelParams, level_params
from .rounding import rounded
from .transform_formats import window_power_log2


@dataclass(frozen=True)
class Params:
    """The octaves above the level are divided by 2^range_shift and clipped."""

    c_name: ClassVar[str] = "stapes_log_params"

    level: LevelParams
    range_shift: Int32
    clip_q20: Int32


def params(settings: Log, transform: Transform) -> Params:
    """Raises StapesError for a noise floor that the powers cannot hold."""
    return Params(
        level_params(settings.noise_floor * window_power_log2(transform)[1], transform.bins),
        rounded(math.log2(RANGE)),
        rounded(CLIP * 2.0**20),
    )
