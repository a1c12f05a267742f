"""Constants of the stage `power`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.power import Power
from ...models.audio.transform import Transform
from .c_struct import Int32
from .mixed_rfft import log2_ceiling
from .transform_formats import window_power_log2


@dataclass(frozen=True)
class Params:
    """power_q40 = |spectrum_q31|^2 >> (shift + 2 * exponent)"""

    c_name: ClassVar[str] = "stapes_power_params"

    bins: Int32
    shift: Int32


def params(settings: Power, transform: Transform) -> Params:
    """Bins and shift."""
    return Params(transform.bins, 20 + window_power_log2(transform)[0] - 2 * log2_ceiling(transform.analysis))
