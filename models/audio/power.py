"""Stage `power`: of each bin of the spectrum, in units of the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..schema import STRICT
from .stage import FloatStage, Pointwise, Quantity, Stage, Values
from .transform import Transform


@dataclass(frozen=True)
class Power(Stage):
    """|X|^2 / sum(window^2): nothing to set."""

    kind: ClassVar[str] = "power"
    traced: ClassVar[tuple[str, ...]] = ("power_q40",)

    __pydantic_config__ = STRICT

    @property
    def reads(self) -> tuple[str, ...]:
        return ("spectrum_q31", "exponent")

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (Quantity("power_q40", "uint64", ("F",), "P * 2^40, P = abs(X)^2 / sum(window^2)", "2^50"),)

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _Power(transform.window_power)


class _Power(Pointwise):
    def __init__(self, window_power: float) -> None:
        self.window_power = window_power

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum (..., F) complex, unnormalised -> power (..., F)."""
        spectrum = values["spectrum"]
        return {"power": (spectrum.real**2 + spectrum.imag**2) / self.window_power}
