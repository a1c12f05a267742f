"""Constants of the stage `steered_equaliser`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.steered_equaliser import SteeredEqualiser
from ...models.audio.transform import Transform
from .c_struct import Int32
from .glide import END_Q30, glide_step_q30
from .peaking import PeakingTables, peaking_tables


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
