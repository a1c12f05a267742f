"""Constants of the stage `bands`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...models.audio.bands import Bands, band_edges
from ...models.audio.log import CLIP, RANGE
from ...models.audio.transform import Transform
from .c_struct import Int32, Int32s, UInt16s
from .level import LevelParams, level_params
from .rounding import rounded, to_q31


@dataclass(frozen=True, eq=False)
class Params:
    """First bin of each band, and the number of bins (K + 1,); log2 of the widths and 1 / width (K,)."""

    c_name: ClassVar[str] = "stapes_bands_params"

    level: LevelParams
    range_shift: Int32
    clip_q20: Int32
    edges: UInt16s
    width_log2_q16: Int32s
    width_reciprocal_q31: Int32s


def params(settings: Bands, transform: Transform) -> Params:
    """Raises StapesError for a noise floor that the powers cannot hold."""
    edges = band_edges(settings.bands, transform)
    widths = np.diff(edges)
    log2_q16 = np.array([rounded(math.log2(width) * 2.0**16) for width in widths.tolist()], np.int32)
    return Params(
        level=level_params(settings.noise_floor, settings.bands),
        range_shift=rounded(math.log2(RANGE)),
        clip_q20=rounded(CLIP * 2.0**20),
        edges=edges.astype(np.uint16),
        width_log2_q16=log2_q16,
        width_reciprocal_q31=to_q31(1.0 / widths),
    )
