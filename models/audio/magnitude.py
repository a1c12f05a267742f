"""Stage `magnitude`: the magnitudes of the spectrum as features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..schema import STRICT
from .power_features import PowerFeatures
from .stage import FloatStage, Pointwise, Quantity, Values
from .transform import Transform


@dataclass(frozen=True)
class Magnitude(PowerFeatures):
    """|X|, times the Wiener gain where the features are of the filter's output."""

    kind: ClassVar[str] = "magnitude"
    traced: ClassVar[tuple[str, ...]] = ("features_q20",)

    __pydantic_config__ = STRICT

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (self.features("F", "2^30: 2 / pi * N at full scale; 2^31 for N above 1024", 2**30),)

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _Magnitude(self, transform.window_power)


class _Magnitude(Pointwise):
    def __init__(self, settings: Magnitude, window_power: float) -> None:
        self.settings = settings
        self.window_power = window_power

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """power, and gain where it is read, (..., F) -> features (..., F or 2 F)."""
        features = np.sqrt(values["power"] * self.window_power)
        if self.settings.of == "wiener":
            features = features * values["gain"]
        return {"features": self.settings.with_gains(features, values["gain"] if self.settings.gain_input else None)}
