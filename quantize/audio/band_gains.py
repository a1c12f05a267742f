"""Constants of the stage `band_gains`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...models.audio.band_gains import BandGains
from ...models.audio.transform import Transform
from .c_struct import Int16, Int32, UInt16s
from .lsnr import lsnr_limits_q8
from .transform_formats import transform_formats


@dataclass(frozen=True, eq=False)
class Params:
    """Number of bands with a gain, bins below them, first bin behind each (K,); `filtered` is 2^filtered_shift times what shall sound; limits of the SNR."""

    c_name: ClassVar[str] = "stapes_band_gains_params"

    bands: Int32
    below: Int32
    filtered_shift: Int32
    lsnr_min_q8: Int16
    lsnr_max_q8: Int16
    ends: UInt16s


def params(settings: BandGains, transform: Transform) -> Params:
    """Raises StapesError for bands that do not fit the transform."""
    ends = np.cumsum(settings.widths(transform))[settings.first :].astype(np.uint16)
    return Params(
        len(ends),
        settings.bins_below(transform),
        transform_formats(transform).filtered_shift,
        *lsnr_limits_q8(settings),
        ends,
    )
