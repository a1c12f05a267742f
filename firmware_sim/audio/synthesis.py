"""From the spectrum, its gain and the mask to a hop of samples; twin of `stapes_audio_synthesise.c` and
`stapes_audio_overlap_add.c`.

B utterances, N analysis samples, F bins.
"""

from __future__ import annotations

import numpy as np

from ...quantize.arithmetic import INT32_MAX
from ...quantize.audio_params import AudioParams
from .rfft_q31 import RfftQ31
from .scalar import multiply_high, round_right
from .wiener import WienerFilter


class Synthesis:
    """Inverse transform and overlap-add; state: overlap_q25 (B, hop)."""

    def __init__(self, params: AudioParams, batch: int, rfft: RfftQ31) -> None:
        self.params = params
        self.batch = batch
        self.rfft = rfft
        self.reset()

    def reset(self) -> None:
        """Forget the tail of the last frame."""
        self.overlap_q25 = np.zeros((self.batch, self.params.hop), np.int64)

    def step(self, filtered: np.ndarray, exponent: np.ndarray) -> np.ndarray:
        """filtered (B, F, 2), exponent (B,) -> (B, hop) int16."""
        p = self.params
        frame = self.rfft.inverse(filtered)[:, -p.synthesis :]
        windowed = multiply_high(frame << p.synthesis_shift, p.synthesis_window_q31)
        windowed_q25 = round_right(windowed, exponent[:, None])
        total_q25 = self.overlap_q25 + windowed_q25[:, : p.hop]
        self.overlap_q25 = windowed_q25[:, p.hop :]
        return np.clip(round_right(total_q25, 10), -(2**15), 2**15 - 1).astype(np.int16)


def apply_mask(
    params: AudioParams, spectrum_q31: np.ndarray, wiener: WienerFilter, mask_q15: np.ndarray | None
) -> np.ndarray:
    """spectrum_q31 (B, F, 2), the frame's gain, mask_q15 (B, F) -> filtered (B, F, 2)."""
    return multiply_high(spectrum_q31, total_gain_q31(params, wiener, mask_q15)[..., None]) << 2


def total_gain_q31(params: AudioParams, wiener: WienerFilter, mask_q15: np.ndarray | None) -> np.ndarray:
    """Wiener gain, or one on the noisy spectrum, times the floored mask; the Wiener gain alone where there is no mask."""
    gain_q15 = wiener.gain_q15
    if mask_q15 is None:
        return np.minimum(gain_q15 << 16, INT32_MAX)
    under_q15 = 1 << 15 if params.mask_on_noisy else gain_q15
    floor_q15 = np.maximum(params.mask_floor_q15, (wiener.clarity_q15[:, None] * gain_q15) >> 15)
    return (under_q15 * np.maximum(mask_q15, floor_q15)) << 1
