"""Stage `output`: sound in 32 bits to the samples of the receiver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..schema import STRICT
from .stage import FloatStage, Pointwise, Quantity, Stage, Values
from .transform import Transform


@dataclass(frozen=True)
class Output(Stage):
    """Nothing to set: what is beyond full scale is saturated, in integers alone."""

    kind: ClassVar[str] = "output"

    __pydantic_config__ = STRICT

    @property
    def reads(self) -> tuple[str, ...]:
        return ("sound_q25",)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (Quantity("output_q15", "int16", ("H",), "sample * 2^15", "saturated to int16"),)

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _Output()


class _Output(Pointwise):
    def step(self, values: Values) -> dict[str, np.ndarray]:
        """sound -> output, the same samples."""
        return {"output": values["sound"]}
