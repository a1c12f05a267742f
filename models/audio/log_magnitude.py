"""Stage `log_magnitude`: the logarithm of the magnitudes of the spectrum as features, over no level."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .stage import FloatStage, Pointwise, Quantity, Stage, Values, require_tensor
from .transform import Transform

# The device's logarithm is of a sum of squares of 32 bits each: what is smaller is zero there.
LEAST_FLOOR, LARGEST_FLOOR = 1e-12, 1.0
LEAST_BASE, LARGEST_BASE = 1.5, 1000.0


@dataclass(frozen=True)
class LogMagnitude(Stage):
    """log(max(|X|, floor)) / log(base), of spectra X that are not divided by anything.

    `input`: the network's input that they are, "" for its only one.
    """

    kind: ClassVar[str] = "log_magnitude"
    traced: ClassVar[tuple[str, ...]] = ("features_q20",)

    base: float = 10.0
    floor: float = 1e-12
    input: str = ""

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if not LEAST_BASE <= self.base <= LARGEST_BASE:
            raise StapesError(f"base {self.base}: give one from {LEAST_BASE} to {LARGEST_BASE}, such as 10")
        if not LEAST_FLOOR <= self.floor <= LARGEST_FLOOR:
            raise StapesError(f"floor {self.floor}: give one from {LEAST_FLOOR} to {LARGEST_FLOOR}, such as 1e-8")
        require_tensor("input", self.input)

    @property
    def reads(self) -> tuple[str, ...]:
        return ("spectrum_q31", "exponent")

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        limit = 2**26
        return (
            Quantity(
                "features_q20",
                "int32",
                ("F",),
                "log(max(abs(X), floor)) / log(base) * 2^20",
                "+-64 * 2^20: log2 of the floor, in octaves",
                "features",
                (-limit, limit),
                self.input,
            ),
        )

    def of(self, spectrum: np.ndarray) -> np.ndarray:
        """Features of spectra (..., F) complex, float64."""
        result: np.ndarray = np.log(np.maximum(np.abs(spectrum), self.floor)) / math.log(self.base)
        return result

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _LogMagnitude(self)


class _LogMagnitude(Pointwise):
    def __init__(self, settings: LogMagnitude) -> None:
        self.settings = settings

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum (..., F) complex -> features (..., F)."""
        return {"features": self.settings.of(values["spectrum"])}
