"""Stage `through`: the spectrum goes on as it is, in a path whose network does not filter it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..schema import STRICT
from .stage import FloatStage, Pointwise, Quantity, Stage, Values
from .transform import Transform


@dataclass(frozen=True)
class Through(Stage):
    """A gain of one in every bin: nothing to set."""

    kind: ClassVar[str] = "through"

    __pydantic_config__ = STRICT

    @property
    def reads(self) -> tuple[str, ...]:
        return ("spectrum_q31",)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (Quantity("filtered", "int32", ("F", 2), "spectrum_q31 * 2", "2^32 / pi"),)

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _Through()


class _Through(Pointwise):
    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum (..., F) -> filtered, the same."""
        return {"filtered": values["spectrum"]}
