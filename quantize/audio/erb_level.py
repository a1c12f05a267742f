"""Constants of the stage `erb_level`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...models.audio.erb_level import FLOOR, RANGE_DB, ErbLevel
from ...models.audio.transform import Transform
from .c_struct import Bool, Int32, Int32s, UInt16s, UInt32
from .rounding import rounded
from .running_mean import rate_q31
from .transform_formats import window_power_log2

_DB_AN_OCTAVE = 10.0 * math.log10(2.0)


@dataclass(frozen=True, eq=False)
class Params:
    """First bin of each band, and the number of bins (K + 1,); log2 of the widths and start of the mean (K,).

    `level`: whether floor and start follow the sound. `floor_q40` is what silence adds to the power of each bin, `rate_q31` what a frame moves the mean by, `scale_q27` a feature an octave.
    """

    c_name: ClassVar[str] = "stapes_erb_level_params"

    bands: Int32
    level: Bool
    floor_q40: UInt32
    rate_q31: Int32
    scale_q27: Int32
    edges: UInt16s
    width_log2_q16: Int32s
    start_q24: Int32s


def params(settings: ErbLevel, transform: Transform) -> Params:
    """Raises StapesError for bands that do not fit the transform."""
    widths = settings.widths(transform)
    # Power in Q40 is |X|^2 2^40 / 2^bits; levels are of that, not of |X / N|^2: only their start knows the difference.
    bits, _ = window_power_log2(transform)
    unit = transform.analysis**2 * 2.0 ** (40 - bits)
    start = settings.start_db / _DB_AN_OCTAVE + math.log2(unit)
    return Params(
        bands=settings.bands,
        level=settings.level,
        floor_q40=rounded(FLOOR * unit),
        rate_q31=rate_q31(transform, settings.time_constant),
        scale_q27=rounded(_DB_AN_OCTAVE / RANGE_DB * 2.0**27),
        edges=np.concatenate([[0], np.cumsum(widths)]).astype(np.uint16),
        width_log2_q16=np.array([rounded(math.log2(width) * 2.0**16) for width in widths.tolist()], np.int32),
        start_q24=np.array([rounded(value * 2.0**24) for value in start.tolist()], np.int32),
    )
