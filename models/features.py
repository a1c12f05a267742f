"""What the network sees of a frame: magnitudes, level-normalised logarithms, or their power law, and the Wiener gains; or the
spectrum itself.

B utterances, F bins.
"""

from __future__ import annotations

import numpy as np

from .frontend import FrontEnd
from .wiener import WienerFrame

# The Wiener gain reaches down to -25 dB: eight octaves of power under the noise floor hold what it leaves of silence.
FLOOR_RATIO = 2.0**-8
LEVEL_SMOOTHING = 2.0**-8
LOG_RANGE = 8.0
LOG_CLIP = 4.0
COMPRESSION = 0.15
COMPRESSED_CLIP = 8.0
MAGNITUDE_FLOOR = 1e-12


def complex_features(spectrum: np.ndarray) -> np.ndarray:
    """Spectra (..., F) complex -> (..., 3 F) float64: sqrt(|X|^2 + 1e-12), real parts, imaginary parts; GTCRN's input."""
    magnitude = np.sqrt(spectrum.real**2 + spectrum.imag**2 + MAGNITUDE_FLOOR)
    return np.concatenate([magnitude, spectrum.real, spectrum.imag], axis=-1)


class FeatureExtractor:
    """Features of B utterances, one frame a call; `level` (B,) is the running mean of the log2 power, in octaves.

    A frame that is not silent moves the level before it is normalised by it, and the first such frame sets it;
    before that the level is the floor of the logarithm.
    """

    def __init__(self, frontend: FrontEnd, batch: int) -> None:
        self.frontend = frontend
        self.batch = batch
        self.floor = frontend.noise_floor * FLOOR_RATIO
        self.window_power = frontend.window_power
        self.reset()

    def reset(self) -> None:
        """Forget the level."""
        self.level = np.full(self.batch, np.log2(self.floor))
        self.has_level = np.zeros(self.batch, dtype=bool)

    def step(self, frame: WienerFrame) -> np.ndarray:
        """One frame of the Wiener filter -> features (B, feature_size) float64: the bins, then the gains if they are asked for."""
        if self.frontend.features == "magnitude":
            features = np.sqrt(frame.power * self.window_power) * self.frontend.under_mask(frame.gain)
        else:
            octaves = self._normalised_log2(frame)
            if self.frontend.features == "log":
                features = np.clip(octaves / LOG_RANGE, -LOG_CLIP, LOG_CLIP)
            else:
                features = np.minimum(np.exp2(COMPRESSION * octaves), COMPRESSED_CLIP)
        return np.concatenate([features, frame.gain], axis=1) if self.frontend.gain_input else features

    def _normalised_log2(self, frame: WienerFrame) -> np.ndarray:
        """log2 of the power under the mask over its level, (B, F), in octaves."""
        power = frame.power * self.frontend.under_mask(frame.gain) ** 2
        log2_power = np.log2(np.maximum(power, self.floor))
        mean = log2_power.mean(axis=1)
        moved = np.where(self.has_level, self.level + (mean - self.level) * LEVEL_SMOOTHING, mean)
        self.level = np.where(frame.silent, self.level, moved)
        self.has_level = self.has_level | ~frame.silent
        return log2_power - self.level[:, None]
