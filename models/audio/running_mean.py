"""A running mean over frames, as DeepFilterNet's features have it: the frame moves the mean before it is compared with it."""

from __future__ import annotations

import math

import numpy as np

from ..errors import StapesError
from .transform import Transform

LONGEST_SECONDS = 100.0
_DECIMALS = 3


def decay(transform: Transform, seconds: float) -> float:
    """What a frame leaves of the mean: exp(-hop / rate / seconds), rounded to three decimals, to more where that would be one.

    A hop of 10 ms and a second give 0.99. The rounding is DeepFilterNet's (Schroeter et al., 2022).
    """
    exact = math.exp(-transform.hop / transform.sample_rate / seconds)
    decimals = _DECIMALS
    while round(exact, decimals) == 1.0:
        decimals += 1
    return round(exact, decimals)


def require_seconds(setting: str, value: float) -> None:
    """Raise StapesError for a time that no mean can have."""
    if not 0.0 < value <= LONGEST_SECONDS:
        raise StapesError(f"{setting} {value}: give a time above 0 s, up to {LONGEST_SECONDS:g} s")


class RunningMean:
    """State: `mean` (B, K), which begins at `start` (K,)."""

    def __init__(self, start: np.ndarray, kept: float, batch: int) -> None:
        self.kept = kept
        self.mean = np.tile(np.asarray(start, np.float64), (batch, 1))

    def move(self, values: np.ndarray) -> np.ndarray:
        """The mean after a frame (B, K)."""
        self.mean = values * (1.0 - self.kept) + self.mean * self.kept
        return self.mean
