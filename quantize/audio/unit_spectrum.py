"""Constants of the stage `unit_spectrum`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.transform import Transform
from ...models.audio.unit_spectrum import (
    ATTACK,
    LEAST_OCTAVES,
    MOST_OCTAVES,
    RELEASE,
    SILENT_DB,
    UnitSpectrum,
)
from .c_struct import Bool, Int32, Int32s
from .mixed_rfft import log2_ceiling
from .rounding import rounded, to_q31
from .running_mean import rate_q31


@dataclass(frozen=True, eq=False)
class Params:
    """X / N = spectrum_q31 * length_q30 * 2^(-60 - exponent); the start of the mean (K,).

    `scale_q28` is the same length, times sqrt(2) where features are over a root: the root of a mean in Q31 has half a bit. `root` and
    `level` say the form. Of the level: octaves of a power are log2 of its integer + offset - 2 * exponent; rates of a louder
    and of a softer frame; what is silent; the usual level; limits of log2 of the factor.
    """

    c_name: ClassVar[str] = "stapes_unit_spectrum_params"

    bins: Int32
    root: Bool
    level: Bool
    rate_q31: Int32
    length_q30: Int32
    scale_q28: Int32
    offset_q16: Int32
    attack_q31: Int32
    release_q31: Int32
    silent_q24: Int32
    usual_q24: Int32
    factor_min_q16: Int32
    factor_max_q16: Int32
    start_q31: Int32s


def params(settings: UnitSpectrum, transform: Transform) -> Params:
    """Raises StapesError for nothing that `UnitSpectrum.check` has not refused."""
    length = 2.0 ** log2_ceiling(transform.analysis) / transform.analysis
    root = settings.form != "mean"
    return Params(
        bins=settings.bins,
        root=root,
        level=settings.form == "level",
        rate_q31=rate_q31(transform, settings.time_constant),
        length_q30=rounded(length * 2.0**30),
        scale_q28=rounded(length * (math.sqrt(2.0) if root else 1.0) * 2.0**28),
        offset_q16=rounded((2.0 * math.log2(length) - 60.0) * 2.0**16),
        attack_q31=rate_q31(transform, ATTACK),
        release_q31=rate_q31(transform, RELEASE),
        silent_q24=rounded(SILENT_DB / 10.0 * math.log2(10.0) * 2.0**24),
        usual_q24=rounded(settings.usual_octaves(transform) * 2.0**24),
        factor_min_q16=rounded(LEAST_OCTAVES * 2.0**16),
        factor_max_q16=rounded(MOST_OCTAVES * 2.0**16),
        start_q31=to_q31(settings.start_mean),
    )
