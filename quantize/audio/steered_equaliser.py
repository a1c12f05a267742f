"""Constants of the stage `steered_equaliser`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...models.audio.steered_equaliser import SteeredEqualiser
from ...models.audio.transform import Transform
from .c_struct import Int32
from .glide import END_Q30, glide_step_q30
from .peaking import PeakingTables, peaking_tables
from .rounding import rounded


@dataclass(frozen=True, eq=False)
class Params:
    """Samples of a hop, number of bands; what a hop adds to the position of the glide, which ends at 2^30."""

    c_name: ClassVar[str] = "stapes_steered_equaliser_params"

    hop: Int32
    bands: Int32
    step_q30: Int32
    peaking: PeakingTables


def params(settings: SteeredEqualiser, transform: Transform) -> Params:
    """Hop, bands, step and tables; all else is a control."""
    step = min(glide_step_q30(settings.glide_ms, transform) * transform.hop, END_Q30)
    return Params(transform.hop, settings.bands, step, peaking_tables(transform))


def rest_words() -> np.ndarray:
    """What the controls are until somebody sets them, int64 (3, 10)."""
    rest = [control.at_rest * 2.0**control.fraction_bits for control in SteeredEqualiser().controls]
    return np.array([[rounded(value) for value in row] for row in rest], np.int64)
