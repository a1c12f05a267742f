"""Constants of the stage `sound_level`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.sound_level import (
    ATTACK,
    LEAST_OCTAVES,
    MOST_OCTAVES,
    NEAR_DB,
    RELEASE,
    SILENT_DB,
    START_DB,
    SoundLevel,
    octaves,
)
from ...models.audio.transform import Transform
from .c_struct import Int32
from .mixed_rfft import log2_ceiling
from .rounding import rounded
from .running_mean import rate_q31


@dataclass(frozen=True)
class Params:
    """Octaves of a power are log2 of its integer + offset - 2 * exponent.

    Rates of a louder and of a softer frame; how far the level may be under a frame, and how far it starts above the first one; what is
    silent; the usual level; limits of what is over it.
    """

    c_name: ClassVar[str] = "stapes_sound_level_params"

    bins: Int32
    offset_q16: Int32
    attack_q31: Int32
    release_q31: Int32
    near_q24: Int32
    start_q24: Int32
    silent_q24: Int32
    usual_q24: Int32
    least_q16: Int32
    most_q16: Int32


def params(settings: SoundLevel, transform: Transform) -> Params:
    """Raises StapesError for nothing that `SoundLevel.check` has not refused."""
    length = 2.0 ** log2_ceiling(transform.analysis) / transform.analysis
    return Params(
        bins=settings.bins,
        offset_q16=rounded((2.0 * math.log2(length) - 60.0) * 2.0**16),
        attack_q31=rate_q31(transform, ATTACK),
        release_q31=rate_q31(transform, RELEASE),
        near_q24=rounded(octaves(NEAR_DB) * 2.0**24),
        start_q24=rounded(octaves(START_DB) * 2.0**24),
        silent_q24=rounded(octaves(SILENT_DB) * 2.0**24),
        usual_q24=rounded(settings.usual_octaves(transform) * 2.0**24),
        least_q16=rounded(LEAST_OCTAVES * 2.0**16),
        most_q16=rounded(MOST_OCTAVES * 2.0**16),
    )
