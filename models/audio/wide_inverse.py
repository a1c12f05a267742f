"""Stage `wide_inverse`: the stage `inverse` without its last rounding, for stages that work on the sound behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..schema import STRICT
from .inverse import Inverse, Synthesis
from .stage import FloatStage, Quantity, Stage, Values
from .transform import Transform

# Sound between the stages behind a wide inverse: 30 dB of room above full scale.
SOUND = Quantity("sound_q25", "int32", ("H",), "sample * 2^25", "2^30: saturated to 32 times full scale")


@dataclass(frozen=True)
class WideInverse(Stage):
    """Window and hop are those of the transform: nothing to set. The path ends with `output` then."""

    kind: ClassVar[str] = "wide_inverse"

    __pydantic_config__ = STRICT

    @property
    def reads(self) -> tuple[str, ...]:
        return Inverse().reads

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        inner = [quantity for quantity in Inverse().quantities if quantity.role != "made"]
        return (*inner, SOUND)

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _WideSynthesis(transform, batch)


class _WideSynthesis(Synthesis):
    def step(self, values: Values) -> dict[str, np.ndarray]:
        """filtered (B, F) complex -> sound (B, hop)."""
        return {"sound": super().step(values)["output"]}

    def run(self, values: Values) -> dict[str, np.ndarray]:
        """filtered (B, T, F) -> sound: here all samples, (B, T * hop)."""
        return {"sound": super().run(values)["output"]}
