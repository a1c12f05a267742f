"""Constants of the stage `magnitude`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.magnitude import Magnitude
from ...models.audio.transform import Transform
from .c_struct import Int32
from .transform import require_features
from .transform_formats import window_power_log2


@dataclass(frozen=True)
class Params:
    """|X|^2 = power * 2^window_power_log2"""

    c_name: ClassVar[str] = "stapes_magnitude_params"

    bins: Int32
    window_power_log2: Int32


def params(settings: Magnitude, transform: Transform) -> Params:
    """Bins and shift; raises StapesError for a frame whose features have no room."""
    require_features(transform, settings.kind)
    return Params(transform.bins, window_power_log2(transform)[0])
