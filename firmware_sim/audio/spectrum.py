"""From a hop of samples to the spectrum of its frame, and its power; twin of `stapes_audio_spectrum.c`.

B utterances, N analysis samples, F bins.
"""

from __future__ import annotations

import numpy as np

from ...quantize.audio_params import AudioParams
from .rfft_q31 import RfftQ31
from .scalar import bit_length, multiply_high


class Spectrum:
    """Sliding frame and forward transform; state: history_q15 (B, N - hop)."""

    def __init__(self, params: AudioParams, batch: int, rfft: RfftQ31) -> None:
        self.params = params
        self.batch = batch
        self.rfft = rfft
        self.reset()

    def reset(self) -> None:
        """The streams begin after silence."""
        self.history_q15 = np.zeros((self.batch, self.params.analysis - self.params.hop), np.int64)

    def step(self, block_q15: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`block_q15` (B, hop) -> spectrum_q31 (B, F, 2), exponent (B,).

        The spectrum of audio in [-1, 1) is spectrum_q31 / 2^30 * N * 2^-exponent.
        """
        frame_q15 = np.concatenate([self.history_q15, np.asarray(block_q15, np.int64)], axis=1)
        self.history_q15 = frame_q15[:, self.params.hop :]
        exponent = headroom(frame_q15)
        # The high half of a Q31 product is Q30: the bit of room keeps every stage of the transform from overflowing.
        windowed_q30 = multiply_high(frame_q15 << (16 + exponent)[:, None], self.params.analysis_window_q31)
        return self.rfft.forward(windowed_q30), exponent


def power_q40(params: AudioParams, spectrum_q31: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """|X|^2 / sum(window^2), (B, F) uint64, of spectrum_q31 (B, F, 2) and exponent (B,); twin of `stapes_audio_power.c`."""
    squared = (spectrum_q31[..., 0] ** 2 + spectrum_q31[..., 1] ** 2).astype(np.uint64)
    return squared >> (params.power_shift + 2 * exponent).astype(np.uint64)[:, None]


def headroom(frame_q15: np.ndarray) -> np.ndarray:
    """Left shift (B,) that every sample of (B, N) still holds in 16 bits: 0 to 15."""
    used = np.bitwise_or.reduce(frame_q15 ^ (frame_q15 >> 15), axis=1)
    return 15 - bit_length(used.astype(np.uint64))
