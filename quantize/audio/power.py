"""Constants of the stage `power`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.power import Power
from ...models.audio.transform import Transform
from .c_struct import Int32
from .rounding import rounded


@dataclass(frozen=True)
class Params:
    """power_q40 = |spectrum_q31|^2 >> (shift + 2 * exponent)"""

    c_name: ClassVar[str] = "stapes_power_params"

    bins: Int32
    shift: Int32


def params(settings: Power, transform: Transform) -> Params:
    """Bins and shift."""
    return Params(transform.bins, 20 + window_power_log2(transform) - 2 * (transform.analysis.bit_length() - 1))


def window_power_log2(transform: Transform) -> int:
    """|X|^2 = power * 2^this."""
    return rounded(math.log2(transform.window_power))
