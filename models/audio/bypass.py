"""Stage `bypass`: the microphone's own samples in place of the path's, with a cross-fade, which may change while the device runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..schema import STRICT
from .controls import Control
from .glide import Glide, glide_samples, require_glide
from .stage import FloatStage, Quantity, Stage, Values
from .transform import Transform


@dataclass(frozen=True)
class Bypass(Stage):
    """`on` until the control is set. `glide_ms`: how long a cross-fade takes.

    Both sounds are equally late, so that nothing combs. All stages go on meanwhile: there is no gap when it ends.
    """

    kind: ClassVar[str] = "bypass"
    replaces: ClassVar[tuple[str, ...]] = ("output_q15",)

    on: bool = False
    glide_ms: float = 20.0

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        require_glide(self.glide_ms)

    @property
    def reads(self) -> tuple[str, ...]:
        return ("dry_q15", "output_q15")

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (Quantity("output_q15", "int16", ("H",), "output + (dry - output) * share, * 2^15", "between the two"),)

    @property
    def controls(self) -> tuple[Control, ...]:
        return (Control("on", float(self.on), (0.0, 1.0), "1: the microphone's samples sound, 0: the path's"),)

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _Bypass(self, transform)


class _Bypass(FloatStage):
    def __init__(self, settings: Bypass, transform: Transform) -> None:
        self.hop = transform.hop
        self.controls = settings.at_rest()
        self.glide = Glide(glide_samples(settings.glide_ms, transform.sample_rate))

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """dry, output (B, hop) -> output."""
        return self._mixed(values, self.glide.next(float(self.controls["on"]), self.hop))

    def run(self, values: Values) -> dict[str, np.ndarray]:
        """dry, output: here all samples, (B, T * hop) -> output."""
        frames = values["output"].shape[1] // self.hop
        return self._mixed(values, self.glide.run(self.controls["on"], self.hop, frames))

    @staticmethod
    def _mixed(values: Values, share: np.ndarray) -> dict[str, np.ndarray]:
        return {"output": values["output"] + (values["dry"] - values["output"]) * share}
