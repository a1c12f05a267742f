"""Stage `transform`: a hop of samples to the spectrum of the frame that it ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .lengths import LONGEST_MIXED, SHORTEST_MIXED, cmsis_length, mixed_length, next_mixed_length
from .stage import FloatStage, Quantity, Stage, Values
from .windows import window_pair

SAMPLE_RATE = 16000
RATES = (8000, 16000, 24000, 32000, 44100, 48000)
# 256 ms: far beyond what can be heard at once with what is seen, and small enough that a damaged file cannot ask for all memory.
LONGEST_ANALYSIS = 4096


@dataclass(frozen=True)
class Transform(Stage):
    """Rate in Hz, frame, synthesis window and hop in samples, name of the pair of windows. Raises StapesError when a value cannot work.

    `mixed_radix` takes the transform of mixed radix also where CMSIS-DSP has one: fewer instructions, other last bits.
    """

    kind: ClassVar[str] = "transform"
    traced: ClassVar[tuple[str, ...]] = ("exponent", "spectrum_q31")

    sample_rate: int = SAMPLE_RATE
    analysis: int = 128
    synthesis: int = 128
    hop: int = 64
    window: str = "sqrt_hann"
    mixed_radix: bool = False

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if self.sample_rate not in RATES:
            raise StapesError(f"sample_rate {self.sample_rate}: give one of {', '.join(map(str, RATES))} Hz")
        if self.synthesis != 2 * self.hop or self.hop < 2:
            raise StapesError(
                f"hop {self.hop} with synthesis {self.synthesis}: the hop must be half of the synthesis window, such as 64 and 128"
            )
        if self.analysis > LONGEST_ANALYSIS:
            raise StapesError(f"analysis {self.analysis}: give {LONGEST_ANALYSIS} at most")
        if self.analysis < self.synthesis:
            raise StapesError(
                f"analysis {self.analysis}: is shorter than synthesis ({self.synthesis}); give that or more"
            )
        if self.analysis & (self.analysis - 1) and not mixed_length(self.analysis):
            raise StapesError(
                f"analysis {self.analysis}: no transform of that length; give an even one of the factors 2, 3 and 5 from {SHORTEST_MIXED} to {LONGEST_MIXED}, such as "
                f"{next_mixed_length(self.analysis)}, with a window that fits"
            )
        self.windows()

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
                "windowed_q30",
                "int32",
                ("N",),
                "sample * window * 2^(30 + e); mixed radix: 2^(28 + e)",
                "2^30: half of full scale; mixed radix: 2^28",
                "inside",
            ),
            Quantity("spectrum_q31", "int32", ("F", 2), "X / N * 2^(30 + e)", "2^31 / pi"),
        )

    @property
    def bins(self) -> int:
        return self.analysis // 2 + 1

    @property
    def delay(self) -> int:
        """Samples by which analysis and synthesis alone make the sound late."""
        return self.synthesis - self.hop

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
        """Analysis `(analysis,)` and synthesis `(synthesis,)` window, float64."""
        return window_pair(self.window, self.analysis, self.synthesis)

    @property
    def mixed(self) -> bool:
        """Whether the device's transform is that of mixed radix: where CMSIS-DSP has none, or its bits are not promised."""
        usual = self.window in ("sqrt_hann", "asymmetric") and cmsis_length(self.analysis)
        return mixed_length(self.analysis) and (self.mixed_radix or not usual)

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
