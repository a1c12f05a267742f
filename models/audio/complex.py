"""Stage `complex`: the spectrum itself as features, GTCRN's input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..schema import STRICT
from .stage import FloatStage, Pointwise, Quantity, Stage, Values, require_tensor
from .transform import Transform

MAGNITUDE_FLOOR = 1e-12


@dataclass(frozen=True)
class Complex(Stage):
    """Magnitudes, real parts, imaginary parts. `input`: the network's input that they are, "" for its only one."""

    kind: ClassVar[str] = "complex"
    traced: ClassVar[tuple[str, ...]] = ("features_q20",)

    input: str = ""

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        require_tensor("input", self.input)

    @property
    def reads(self) -> tuple[str, ...]:
        return ("spectrum_q31", "exponent")

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (
            Quantity(
                "features_q20",
                "int32",
                (3, "F"),
                "abs(X), real parts, imaginary parts * 2^20",
                "2^30: 2 / pi * N at full scale; 2^31 for N above 1024",
                "features",
                (-(2**30), 2**30),
                self.input,
            ),
        )

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _Complex()


class _Complex(Pointwise):
    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum (..., F) complex -> features (..., 3 F): sqrt(|X|^2 + 1e-12), real parts, imaginary parts."""
        return {"features": complex_features(values["spectrum"])}


def complex_features(spectrum: np.ndarray) -> np.ndarray:
    """Spectra (..., F) complex -> (..., 3 F) float64: sqrt(|X|^2 + 1e-12), real parts, imaginary parts."""
    magnitude = np.sqrt(spectrum.real**2 + spectrum.imag**2 + MAGNITUDE_FLOOR)
    return np.concatenate([magnitude, spectrum.real, spectrum.imag], axis=-1)
