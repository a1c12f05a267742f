"""Stage `attenuation_limit`: a part of the noisy spectrum stays, so that nothing becomes softer than by so many dB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .stage import FloatStage, Pointwise, Quantity, Stage, Values
from .transform import Transform


@dataclass(frozen=True)
class AttenuationLimit(Stage):
    """`db`: with l = 10^(-db / 20), (1 - l) * filtered + l * spectrum is what sounds."""

    kind: ClassVar[str] = "attenuation_limit"
    replaces: ClassVar[tuple[str, ...]] = ("filtered",)

    db: float = 12.0

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if not 0.01 <= self.db < 100.0:
            raise StapesError(f"db {self.db}: give 0.01 to 100 dB; for no limit leave attenuation_limit out")

    @property
    def reads(self) -> tuple[str, ...]:
        return ("spectrum_q31", "filtered")

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (
            Quantity(
                "filtered", "int32", ("F", 2), "filtered * (1 - l) + spectrum_q31 * l * 2", "the larger of the two"
            ),
        )

    @property
    def part(self) -> float:
        """Amplitude of the noisy spectrum that stays."""
        result: float = 10.0 ** (-self.db / 20.0)
        return result

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _AttenuationLimit(self)


class _AttenuationLimit(Pointwise):
    def __init__(self, settings: AttenuationLimit) -> None:
        self.part = settings.part

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum, filtered (..., F) -> filtered (..., F)."""
        return {"filtered": (1.0 - self.part) * values["filtered"] + self.part * values["spectrum"]}
