"""Stage `inverse`: the filtered spectrum back to a hop of samples, by overlap-add."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..schema import STRICT
from .stage import FloatStage, Quantity, Stage, Values
from .transform import Transform


@dataclass(frozen=True)
class Inverse(Stage):
    """Window and hop are those of the transform: nothing to set."""

    kind: ClassVar[str] = "inverse"

    __pydantic_config__ = STRICT

    @property
    def reads(self) -> tuple[str, ...]:
        return ("filtered", "exponent")

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (
            Quantity(
                "time_q31",
                "int32",
                ("N",),
                "y / N * 2^(31 + e)",
                "sqrt(N / 2) * 2^31 / N; complex_mask: sqrt(2) of that; deep_filter: saturated",
                "inside",
            ),
            Quantity(
                "overlap_q25",
                "int32",
                ("S - H",),
                "y * synthesis window * 2^25; mixed radix: 2^22",
                "64 * 2^25; mixed radix: 2^29, behind a deep_filter 2^30",
                "state",
            ),
            Quantity("output_q15", "int16", ("H",), "sample * 2^15", "saturated to int16"),
        )

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return Synthesis(transform, batch)


class Synthesis(FloatStage):
    """State: `overlap` (B, hop)."""

    def __init__(self, transform: Transform, batch: int) -> None:
        self.transform = transform
        self.window = transform.windows()[1]
        self.overlap = np.zeros((batch, transform.hop))

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """filtered (B, F) complex -> output (B, hop), `SoundPath.delay` samples behind the input."""
        t = self.transform
        frame = np.fft.irfft(values["filtered"], t.analysis)[:, -t.synthesis :] * self.window
        output = self.overlap + frame[:, : t.hop]
        self.overlap = frame[:, t.hop :]
        return {"output": output}

    def run(self, values: Values) -> dict[str, np.ndarray]:
        """filtered (B, T, F) -> output: here all samples, (B, T * hop)."""
        return {"output": istft(values["filtered"], self.transform)}


def istft(spectrum: np.ndarray, transform: Transform) -> np.ndarray:
    """`spectrum` (B, T, F) -> audio (B, T * hop), `SoundPath.delay` behind what `stft` was given."""
    hop = transform.hop
    frames = np.fft.irfft(spectrum, transform.analysis)[..., -transform.synthesis :] * transform.windows()[1]
    blocks = frames[..., :hop].copy()
    blocks[:, 1:] += frames[:, :-1, hop:]
    result: np.ndarray = blocks.reshape(spectrum.shape[0], -1)
    return result
