"""Constants of the stage `log_magnitude`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.log_magnitude import LogMagnitude
from ...models.audio.transform import Transform
from .c_struct import Int32
from .rounding import rounded
from .transform_formats import transform_formats


@dataclass(frozen=True)
class Params:
    """log2(abs(X)^2) = log2(abs(spectrum_q31)^2) - 2 * (shift + exponent), `floor_q16` at least; factor_q29 makes a logarithm of the base of it."""

    c_name: ClassVar[str] = "stapes_log_magnitude_params"

    bins: Int32
    shift: Int32
    floor_q16: Int32
    factor_q29: Int32


def params(settings: LogMagnitude, transform: Transform) -> Params:
    """Floor and factor."""
    return Params(
        bins=transform.bins,
        shift=30 - transform_formats(transform).log2_length,
        floor_q16=rounded(2.0 * math.log2(settings.floor) * 2.0**16),
        factor_q29=rounded(0.5 * math.log(2.0) / math.log(settings.base) * 2.0**29),
    )
