"""What the network sees of a frame, in Q20; twin of `stapes_audio_features.c`, float reference in `models/features.py`.

B utterances, F bins.
"""

from __future__ import annotations

import numpy as np

from ...quantize.audio_params import FEATURES, AudioParams
from .scalar import exp2_q20, isqrt, normalise, octaves_q16, round_right, shift_round
from .wiener import WienerFilter


class FeatureExtractor:
    """Features of B utterances; state: level_q24 (B,), the running mean of log2 of the filtered power, and has_level (B,)."""

    def __init__(self, params: AudioParams, batch: int) -> None:
        self.params = params
        self.batch = batch
        self.mode = FEATURES[params.features]
        self.reset()

    def reset(self) -> None:
        """Forget the level."""
        self.level_q24 = np.full(self.batch, self.params.log2_floor_q16 << 8, np.int64)
        self.has_level = np.zeros(self.batch, bool)

    def step(self, power_q40: np.ndarray, wiener: WienerFilter) -> np.ndarray:
        """One frame -> features_q20 (B, feature_size) int64: the bins, then the gains if they are asked for."""
        one_q30 = np.full_like(wiener.gain2_q30, 1 << 30)
        filtered = _filtered_power(power_q40, one_q30 if self.params.mask_on_noisy else wiener.gain2_q30)
        if self.mode == "magnitude":
            features = _magnitude_q20(*filtered, self.params.window_power_log2)
        else:
            features = self._compress(self._normalised_log2_q24(*filtered, wiener.silent))
        return np.concatenate([features, wiener.gain_q15 << 5], axis=1) if self.params.gain_input else features

    def _normalised_log2_q24(self, mantissa: np.ndarray, exponent: np.ndarray, silent: np.ndarray) -> np.ndarray:
        """log2 of the filtered power over its level, (B, F), in octaves."""
        p = self.params
        above_floor_q16 = np.maximum(octaves_q16(np.maximum(mantissa, np.uint64(1)), exponent), p.log2_floor_q16)
        power_q16 = np.where(mantissa > 0, above_floor_q16, p.log2_floor_q16)
        mean_q24 = (power_q16.sum(axis=1) * p.bins_reciprocal_q32) >> 24
        step = (mean_q24 - self.level_q24 + (1 << (p.level_shift - 1))) >> p.level_shift
        moved_q24 = np.where(self.has_level, self.level_q24 + step, mean_q24)
        self.level_q24 = np.where(silent, self.level_q24, moved_q24)
        self.has_level = self.has_level | ~silent
        return (power_q16 << 8) - self.level_q24[:, None]

    def _compress(self, octaves_q24: np.ndarray) -> np.ndarray:
        """The logarithm itself, or its power law."""
        p = self.params
        if self.mode == "log":
            return np.clip(round_right(octaves_q24, 4 + p.log_shift), -p.log_clip_q20, p.log_clip_q20)
        exponent_q16 = (octaves_q24 * p.compression_q31 + (1 << 38)) >> 39
        return np.minimum(exp2_q20(np.clip(exponent_q16, -20 << 16, 10 << 16)), p.compressed_clip_q20)


def _filtered_power(power_q40: np.ndarray, gain2_q30: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """power * gain^2 as mantissa (32 bits, or 0) and exponent: mantissa * 2^exponent."""
    power, power_exponent = normalise(power_q40)
    mantissa, exponent = normalise(power * gain2_q30.astype(np.uint64))
    return mantissa, power_exponent + exponent - 70


def _magnitude_q20(mantissa: np.ndarray, exponent: np.ndarray, window_power_log2: int) -> np.ndarray:
    """|X| * G from the filtered power."""
    exponent = exponent + window_power_log2
    odd = exponent & 1
    root = isqrt(mantissa >> odd.astype(np.uint64))
    return shift_round(root, np.maximum(((exponent + odd) >> 1) + 20, -31))
