"""Constants of the stage `compressed`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.compressed import CLIP, COMPRESSION, Compressed
from ...models.audio.transform import Transform
from .c_struct import Int32
from .level import LevelParams, level_params
from .rounding import rounded
from .transform_formats import window_power_log2


@dataclass(frozen=True)
class Params:
    """2^(compression * octaves above the level), clipped."""

    c_name: ClassVar[str] = "stapes_compressed_params"

    level: LevelParams
    compression_q31: Int32
    clip_q20: Int32


def params(settings: Compressed, transform: Transform) -> Params:
    """Raises StapesError for a noise floor that the powers cannot hold."""
    return Params(
        level_params(settings.noise_floor * window_power_log2(transform)[1], transform.bins),
        rounded(COMPRESSION * 2.0**31),
        rounded(CLIP * 2.0**20),
    )
