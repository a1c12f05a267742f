"""The level of a power over the frames, and the power in octaves above it; twin of `stapes_level.h`.

B utterances, K values.
"""

from __future__ import annotations

import numpy as np

from ...quantize.audio.level import LevelParams
from .scalar import normalise, octaves_q16


class Level:
    """State: level_q24 (B,), the running mean of log2 of the power, and has_level (B,)."""

    def __init__(self, params: LevelParams, batch: int) -> None:
        self.params = params
        self.level_q24 = np.full(batch, params.floor_q16 << 8, np.int64)
        self.has_level = np.zeros(batch, bool)

    def above_q24(
        self, mantissa: np.ndarray, exponent: np.ndarray, silent: np.ndarray, count_log2_q16: np.ndarray | int = 0
    ) -> np.ndarray:
        """log2 of the power mantissa * 2^exponent (B, K) over its level, in octaves; silent (B,). A value may be a sum of 2^count_log2."""
        p = self.params
        octaves = octaves_q16(np.maximum(mantissa, np.uint64(1)), exponent) - count_log2_q16
        above_floor_q16 = np.maximum(octaves, p.floor_q16)
        power_q16 = np.where(mantissa > 0, above_floor_q16, p.floor_q16)
        mean_q24 = (power_q16.sum(axis=1) * p.count_reciprocal_q32) >> 24
        step = (mean_q24 - self.level_q24 + (1 << (p.shift - 1))) >> p.shift
        moved_q24 = np.where(self.has_level, self.level_q24 + step, mean_q24)
        self.level_q24 = np.where(silent, self.level_q24, moved_q24)
        self.has_level = self.has_level | ~silent
        return (power_q16 << 8) - self.level_q24[:, None]


def filtered_power(power_q40: np.ndarray, gain2_q30: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """power * gain^2 as mantissa (32 bits, or 0) and exponent: mantissa * 2^exponent; without a gain that of one."""
    power, power_exponent = normalise(power_q40)
    if gain2_q30 is None:
        return power, power_exponent - 40
    mantissa, exponent = normalise(power * gain2_q30.astype(np.uint64))
    return mantissa, power_exponent + exponent - 70


def with_gains(features_q20: np.ndarray, gain_q15: np.ndarray | None) -> np.ndarray:
    """The features, and behind them the gains where there are any."""
    return features_q20 if gain_q15 is None else np.concatenate([features_q20, gain_q15 << 5], axis=1)
