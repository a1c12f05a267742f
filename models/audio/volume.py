"""Stage `volume`: a gain of the samples that glides, which may change while the device runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .controls import Control
from .glide import Glide, glide_samples, require_glide
from .stage import FloatStage, Quantity, Stage, Values
from .transform import Transform

# 24 dB: what a word of 32 bits and a sample hold with room to spare.
LARGEST_GAIN = 16.0


@dataclass(frozen=True)
class Volume(Stage):
    """`gain_db` until the control is set. `glide_ms`: how long the way to a new gain takes."""

    kind: ClassVar[str] = "volume"
    replaces: ClassVar[tuple[str, ...]] = ("output_q15",)

    gain_db: float = 0.0
    glide_ms: float = 20.0

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if not -120.0 <= self.gain_db <= 24.0:
            raise StapesError(f"gain_db {self.gain_db}: give -120 to 24 dB")
        require_glide(self.glide_ms)

    @property
    def reads(self) -> tuple[str, ...]:
        return ("output_q15",)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (Quantity("output_q15", "int16", ("H",), "output * gain * 2^15", "saturated to int16"),)

    @property
    def controls(self) -> tuple[Control, ...]:
        rest = 10.0 ** (self.gain_db / 20.0)
        return (Control("gain_q16", rest, (0.0, LARGEST_GAIN), "gain * 2^16", amplitude=True),)

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _Volume(self, transform)


class _Volume(FloatStage):
    def __init__(self, settings: Volume, transform: Transform) -> None:
        self.hop = transform.hop
        self.controls = settings.at_rest()
        self.glide = Glide(glide_samples(settings.glide_ms, transform.sample_rate))

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """output (B, hop) -> output; what is beyond full scale is the device's to saturate."""
        return {"output": values["output"] * self.glide.next(float(self.controls["gain"]), self.hop)}

    def run(self, values: Values) -> dict[str, np.ndarray]:
        """output: here all samples, (B, T * hop) -> output."""
        frames = values["output"].shape[1] // self.hop
        return {"output": values["output"] * self.glide.run(self.controls["gain"], self.hop, frames)}
