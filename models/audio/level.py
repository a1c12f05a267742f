"""The level of a power over the frames of a stream, and the power in octaves above it: what logarithmic features are made of."""

from __future__ import annotations

import numpy as np

from .stage import Quantity

# The Wiener gain reaches down to -25 dB: eight octaves of power under the noise floor hold what it leaves of silence.
FLOOR_RATIO = 2.0**-8
SMOOTHING = 2.0**-8

LEVEL = Quantity("level_q24", "int32", (), "running mean of log2(power) * 2^24", "64 * 2^24", "state")


class Level:
    """`octaves` (B,) is the running mean of the log2 power over its values and the frames.

    A frame that is not silent moves the level before it is normalised by it, and the first such frame sets it;
    before that the level is the floor of the logarithm.
    """

    def __init__(self, noise_floor: float, batch: int) -> None:
        self.floor = noise_floor * FLOOR_RATIO
        self.octaves = np.full(batch, np.log2(self.floor))
        self.is_set = np.zeros(batch, dtype=bool)

    def above(self, power: np.ndarray, silent: np.ndarray) -> np.ndarray:
        """log2 of the power (B, K) over its level, in octaves; `silent` (B,) bool."""
        log2_power = np.log2(np.maximum(power, self.floor))
        mean = log2_power.mean(axis=1)
        moved = np.where(self.is_set, self.octaves + (mean - self.octaves) * SMOOTHING, mean)
        self.octaves = np.where(silent, self.octaves, moved)
        self.is_set = self.is_set | ~silent
        result: np.ndarray = log2_power - self.octaves[:, None]
        return result
