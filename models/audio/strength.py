"""Stage `strength`: how much of the reduction sounds, from none to all, which may change while the device runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .controls import Control
from .stage import FloatStage, Pointwise, Programmed, Quantity, Values
from .transform import Transform


@dataclass(frozen=True)
class Strength(Programmed):
    """`mix` until the control is set: mix * filtered + (1 - mix) * spectrum is what sounds.

    A mix and no exponent: it is the same for real masks, complex masks and deep filters, and nothing becomes softer than 1 - mix.
    """

    kind: ClassVar[str] = "strength"
    replaces: ClassVar[tuple[str, ...]] = ("filtered",)

    mix: float = 1.0

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if not 0.0 <= self.mix <= 1.0:
            raise StapesError(f"mix {self.mix}: give 0 to 1, where 1 is the whole reduction")

    @property
    def reads(self) -> tuple[str, ...]:
        return ("spectrum_q31", "filtered")

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (
            Quantity(
                "filtered", "int32", ("F", 2), "filtered * mix + spectrum_q31 * (1 - mix) * 2", "the larger of the two"
            ),
        )

    @property
    def controls(self) -> tuple[Control, ...]:
        return (Control("mix_q15", self.mix, (0.0, 1.0), "share of the filtered spectrum * 2^15"),)

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _Strength(self)


class _Strength(Pointwise):
    def __init__(self, settings: Strength) -> None:
        self.controls = settings.at_rest()

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum, filtered (..., F) -> filtered (..., F)."""
        mix = self.controls["mix"][..., None]
        return {"filtered": mix * values["filtered"] + (1.0 - mix) * values["spectrum"]}
