"""Stage `log`: the logarithm of the power over its level as features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .level import LEVEL, Level
from .power_features import PowerFeatures
from .stage import FloatStage, Quantity, Values
from .transform import Transform
from .wiener import NOISE_FLOOR

RANGE = 8.0
CLIP = 4.0


@dataclass(frozen=True)
class Log(PowerFeatures):
    """log2(power / level) / 8, within -4 .. 4. `noise_floor` is that of the Wiener filter: the logarithm's is eight octaves lower."""

    kind: ClassVar[str] = "log"
    traced: ClassVar[tuple[str, ...]] = ("features_q20",)

    noise_floor: float = NOISE_FLOOR

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.noise_floor > 0:
            raise StapesError(f"noise_floor {self.noise_floor}: it is above 0")

    @property
    def reads(self) -> tuple[str, ...]:
        return (*super().reads, "silent")

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (LEVEL, self.features("F", "clipped to 4 * 2^20", 2**23))

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return LogFeatures(self, batch)


class LogFeatures(FloatStage):
    """State: the level."""

    takes = ("power", "gain", "silent")

    def __init__(self, settings: Log, batch: int) -> None:
        self.settings = settings
        self.level = Level(settings.noise_floor, batch)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """power, and gain where it is read (B, F), silent (B,) -> features (B, F or 2 F)."""
        octaves = self.level.above(self.settings.power_of(values), values["silent"])
        features = self.of_octaves(octaves)
        return {"features": self.settings.with_gains(features, values["gain"] if self.settings.gain_input else None)}

    def of_octaves(self, octaves: np.ndarray) -> np.ndarray:
        """Features of the power over its level."""
        return np.clip(octaves / RANGE, -CLIP, CLIP)
