"""Stage `tone_level`: the colour of the sound so far, as features: a slow mean of the power in bands, each over their common level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .bands import band_edges
from .stage import FloatStage, Quantity, Stage, Values, require_bins, require_tensor
from .transform import Transform

# A band is taken as no softer than this part of all bands together, as a power of two: 60 dB.
FLOOR_LOG2 = -20
OCTAVES = 8.0
LONGEST = 16
_LIMIT = 3 * 2**20


@dataclass(frozen=True)
class ToneLevel(Stage):
    """`bands` bands of the ear's width: log2 of the mean power in each, less the mean of these logarithms, / 8; then how much was heard.

    The mean is over all frames until 2^memory of them, and has that length from then on: frame n moves it by 1 / 2^floor(log2 n). Loud frames
    count by their power, so that speech is heard through its pauses. What was heard is log2(1 + frames) / memory, from 0 to 1. Twice the sound gives the
    same features, and no sound gives zeros. `input`: the network's input that they are, "" for its only one.
    """

    kind: ClassVar[str] = "tone_level"
    traced: ClassVar[tuple[str, ...]] = ("tone_q20",)

    bands: int = 20
    memory: int = 11
    input: str = ""

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if self.bands < 2:
            raise StapesError(f"bands {self.bands}: give at least 2")
        if not 1 <= self.memory <= LONGEST:
            raise StapesError(f"memory {self.memory}: give 1 to {LONGEST}: a power of two of frames")
        require_tensor("input", self.input)

    def check(self, transform: Transform) -> None:
        require_bins("bands", self.bands, transform)

    @property
    def reads(self) -> tuple[str, ...]:
        return ("power_q40",)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (
            Quantity(
                "tone_mean_q48",
                "uint64",
                (self.bands,),
                "slow mean of the sum of P in the band * 2^48",
                "2^62",
                "state",
            ),
            Quantity(
                "tone_q20",
                "int32",
                (self.bands + 1,),
                "log2 of mean power over the mean of all bands, / 8, * 2^20; log2 of frames",
                "3 * 2^20",
                "features",
                (-_LIMIT, _LIMIT),
                self.input,
            ),
        )

    @property
    def sizes(self) -> dict[str, int]:
        return {"BANDS": self.bands}

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _ToneLevel(self, transform, batch)


class _ToneLevel(FloatStage):
    """State: the mean power of each band, and frames heard up to 2^memory."""

    takes = ("power",)

    def __init__(self, settings: ToneLevel, transform: Transform, batch: int) -> None:
        self.settings = settings
        self.edges = band_edges(settings.bands, transform)
        self.mean = np.zeros((batch, settings.bands))
        self.frames = np.zeros((batch, 1), np.int64)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """power (B, F) -> tone (B, bands + 1)."""
        power = np.add.reduceat(values["power"], self.edges[:-1], axis=-1)
        self.frames = np.minimum(self.frames + (power.sum(axis=1, keepdims=True) > 0), 2**self.settings.memory)
        self.mean += (power - self.mean) / mean_frames(self.frames)
        return {"tone": colour(self.mean, np.diff(self.edges), self.frames, self.settings.memory)}


def mean_frames(frames: np.ndarray) -> np.ndarray:
    """Over how many frames the mean is after `frames` of them: the power of two at or below, float64."""
    result: np.ndarray = 2.0 ** np.floor(np.log2(np.maximum(frames, 1)))
    return result


def colour(mean: np.ndarray, widths: np.ndarray, frames: np.ndarray, memory: int) -> np.ndarray:
    """Mean power of bands (..., K) of so many bins, and frames heard (..., 1) -> the features (..., K + 1)."""
    floored = mean + mean.sum(axis=-1, keepdims=True) * 2.0**FLOOR_LOG2
    octaves = np.log2(np.where(floored > 0.0, floored, 1.0)) - np.where(floored > 0.0, np.log2(widths), 0.0)
    told = (octaves - octaves.mean(axis=-1, keepdims=True)) / OCTAVES
    return np.concatenate([told, np.log2(1.0 + frames) / memory], axis=-1)
