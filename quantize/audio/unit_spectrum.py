"""Constants of the stage `unit_spectrum`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.transform import Transform
from ...models.audio.unit_spectrum import UnitSpectrum
from .c_struct import Bool, Int32, Int32s
from .mixed_rfft import log2_ceiling
from .rounding import rounded, to_q31
from .running_mean import rate_q31


@dataclass(frozen=True, eq=False)
class Params:
    """X / N = spectrum_q31 * length_q30 * 2^(-60 - exponent); the start of the mean (K,).

    `scale_q28` is the same length, times sqrt(2) where features are over a root: the root of a mean in Q31 has half a bit. `root` and
    `level` say the form.
    """

    c_name: ClassVar[str] = "stapes_unit_spectrum_params"

    bins: Int32
    root: Bool
    level: Bool
    rate_q31: Int32
    length_q30: Int32
    scale_q28: Int32
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
        start_q31=to_q31(settings.start_mean),
    )
