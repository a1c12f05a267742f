"""Constants of the stage `tone_equaliser`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...models.audio.tone_equaliser import ToneEqualiser
from ...models.audio.transform import Transform
from .c_struct import Int32, Int32s
from .glide import END_Q30, glide_step_q30
from .peaking import PeakingTables, peaking_tables
from .rounding import rounded


@dataclass(frozen=True, eq=False)
class Params:
    """Samples of a hop, number of peaks, hops between two looks at the gains; what a hop adds to the position of the glide, which ends at 2^30; log2
    of Q and of the frequencies in Hz (K,).
    """

    c_name: ClassVar[str] = "stapes_tone_equaliser_params"

    hop: Int32
    bands: Int32
    hops: Int32
    step_q30: Int32
    quality_q16: Int32
    octaves_q16: Int32s
    peaking: PeakingTables


def params(settings: ToneEqualiser, transform: Transform) -> Params:
    """Peaks, times and tables."""
    octaves = [rounded(math.log2(frequency) * 2.0**16) for frequency in settings.frequencies]
    return Params(
        hop=transform.hop,
        bands=len(settings.frequencies),
        hops=settings.hops(transform),
        step_q30=min(glide_step_q30(settings.glide_ms, transform) * transform.hop, END_Q30),
        quality_q16=rounded(math.log2(settings.quality) * 2.0**16),
        octaves_q16=np.array(octaves, np.int32),
        peaking=peaking_tables(transform),
    )
