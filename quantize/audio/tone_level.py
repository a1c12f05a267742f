"""Constants of the stage `tone_level`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...models.audio.bands import band_edges
from ...models.audio.tone_level import OCTAVES, ToneLevel
from ...models.audio.transform import Transform
from .c_struct import Int32, Int32s, UInt16s
from .rounding import rounded


@dataclass(frozen=True, eq=False)
class Params:
    """First bin of each band, and the number of bins (K + 1,); log2 of the widths (K,).

    `share_q30` is what a K-th of an octave is of a feature, `heard_q15` what an octave of frames is of the last one, `memory` the longest mean.
    """

    c_name: ClassVar[str] = "stapes_tone_level_params"

    bands: Int32
    memory: Int32
    share_q30: Int32
    heard_q15: Int32
    edges: UInt16s
    width_log2_q16: Int32s


def params(settings: ToneLevel, transform: Transform) -> Params:
    """Edges, widths and factors."""
    edges = band_edges(settings.bands, transform)
    logarithms = [rounded(math.log2(width) * 2.0**16) for width in np.diff(edges).tolist()]
    return Params(
        bands=settings.bands,
        memory=settings.memory,
        share_q30=rounded(2.0 ** (30 + 4) / OCTAVES / settings.bands),
        heard_q15=rounded(2.0 ** (15 + 4) / settings.memory),
        edges=edges.astype(np.uint16),
        width_log2_q16=np.array(logarithms, np.int32),
    )
