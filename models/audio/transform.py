"""Stage `transform`: a hop of samples to the spectrum of the frame that it ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .stage import FloatStage, Quantity, Stage, Values

SAMPLE_RATE = 16000
# 256 ms: far beyond what can be heard at once with what is seen, and small enough that a damaged file cannot ask for all memory.
LONGEST_ANALYSIS = 4096


@dataclass(frozen=True)
class Transform(Stage):
    """Rate in Hz, frame, synthesis window and hop in samples. Raises StapesError when a value cannot work."""

    kind: ClassVar[str] = "transform"
    traced: ClassVar[tuple[str, ...]] = ("exponent", "spectrum_q31")

    sample_rate: int = SAMPLE_RATE
    analysis: int = 128
    synthesis: int = 128
    hop: int = 64

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if self.sample_rate != SAMPLE_RATE:
            raise StapesError(
                f"sample_rate {self.sample_rate}: only {SAMPLE_RATE} Hz is supported; retrain at that rate"
            )
        if self.synthesis != 2 * self.hop or self.hop < 2:
            raise StapesError(
                f"hop {self.hop} with synthesis {self.synthesis}: the hop must be half of the synthesis window, such as 64 and 128"
            )
        if self.analysis > LONGEST_ANALYSIS:
            raise StapesError(f"analysis {self.analysis}: give a power of two, {LONGEST_ANALYSIS} at most")
        if self.analysis < self.synthesis or self.analysis & (self.analysis - 1):
            raise StapesError(
                f"analysis {self.analysis}: give a power of two that is not shorter than synthesis ({self.synthesis})"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        return ("block_q15",)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (
            Quantity("history_q15", "int16", ("N - H",), "sample * 2^15, oldest first", "all of int16", "state"),
            Quantity(
                "exponent",
                "int32",
                (),
                "left shift of all samples of the frame, e",
                "0 .. 15, what the loudest one allows",
            ),
            Quantity(
                "windowed_q30", "int32", ("N",), "sample * window * 2^(30 + e)", "2^30: half of full scale", "inside"
            ),
            Quantity("spectrum_q31", "int32", ("F", 2), "X / N * 2^(30 + e)", "2^31 / pi"),
        )

    @property
    def bins(self) -> int:
        return self.analysis // 2 + 1

    @property
    def sizes(self) -> dict[str, int]:
        """What the letters in the shapes of quantities stand for."""
        return {
            "N": self.analysis,
            "F": self.bins,
            "S": self.synthesis,
            "H": self.hop,
            "N - H": self.analysis - self.hop,
            "S - H": self.synthesis - self.hop,
        }

    @property
    def window_power(self) -> float:
        """sum(analysis window^2): `analysis / 2` for the symmetric pair."""
        return math.fsum(value * value for value in self.windows()[0].tolist())

    def windows(self) -> tuple[np.ndarray, np.ndarray]:
        """Analysis `(analysis,)` and synthesis `(synthesis,)` window, float64.

        Their product over the last `synthesis` samples of the frame is the periodic Hann window, so overlap-add at half of
        it is exact. Equal lengths: periodic sqrt-Hann. Otherwise a long rising and a short falling flank
        (Mauler and Martin, A low delay, variable resolution, perfect reconstruction spectral analysis-synthesis system, 2007).
        """
        rising = self.analysis - self.hop
        analysis = np.concatenate(
            [np.sin(np.pi * np.arange(rising) / (2 * rising)), np.cos(np.pi * np.arange(self.hop) / (2 * self.hop))]
        )
        if self.analysis == self.synthesis:
            return analysis, analysis.copy()
        hann = np.sin(np.pi * np.arange(self.synthesis) / self.synthesis) ** 2
        return analysis, hann / analysis[-self.synthesis :]

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return Analysis(transform, batch)


class Analysis(FloatStage):
    """Streams begin after silence; state: `history` (B, N)."""

    def __init__(self, transform: Transform, batch: int) -> None:
        self.transform = transform
        self.window = transform.windows()[0]
        self.history = np.zeros((batch, transform.analysis))

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """block (B, hop) float64 -> spectrum (B, F) complex128, unnormalised."""
        self.history = np.concatenate([self.history[:, self.transform.hop :], values["block"]], axis=1)
        return {"spectrum": np.fft.rfft(self.history * self.window)}

    def run(self, values: Values) -> dict[str, np.ndarray]:
        """block: here all samples, (B, S) -> spectrum (B, T, F)."""
        return {"spectrum": stft(values["block"], self.transform)}


def stft(audio: np.ndarray, transform: Transform) -> np.ndarray:
    """`audio` (B, S) -> spectrum (B, T, F) complex128 with T = ceil(S / hop): the frames that a stream would see."""
    hop, analysis = transform.hop, transform.analysis
    audio = np.asarray(audio, dtype=np.float64)
    frames = -(-audio.shape[1] // hop)
    padded = np.pad(audio, ((0, 0), (analysis - hop, frames * hop - audio.shape[1])))
    view = np.lib.stride_tricks.sliding_window_view(padded, analysis, axis=1)[:, ::hop]
    return np.fft.rfft(view * transform.windows()[0])
