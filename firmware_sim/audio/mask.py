"""The real mask of the network on the spectrum; twin of `stapes_mask.c`.

B utterances, F bins.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.arithmetic import INT32_MAX
from ...quantize.audio.mask import Params
from .scalar import multiply_high
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """Wiener gain, or one on the noisy spectrum, times the floored mask; the Wiener gain alone where there is no mask."""

    work: ClassVar = {"stapes_mask": "mask"}
    params: Params

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum_q31 (B, F, 2), mask_q15 (B, F), and gain_q15 (B, F), clarity_q15 (B,) where they are read -> filtered (B, F, 2)."""
        batch, bins, _ = values["spectrum_q31"].shape
        gain_q15 = values.get("gain_q15", np.full((batch, bins), 1 << 15))
        clarity_q15 = values.get("clarity_q15", np.zeros(batch, np.int64))
        gain_q31 = self.total_gain_q31(gain_q15, clarity_q15, values.get("mask_q15"))
        return {
            "filtered": multiply_high(values["spectrum_q31"], gain_q31[..., None]) << (1 + self.params.filtered_shift)
        }

    def total_gain_q31(self, gain_q15: np.ndarray, clarity_q15: np.ndarray, mask_q15: np.ndarray | None) -> np.ndarray:
        """What every bin is multiplied by, (B, F)."""
        if mask_q15 is None:
            return np.minimum(gain_q15 << 16, INT32_MAX)
        under_q15 = 1 << 15 if self.params.noisy else gain_q15
        floor_q15 = np.maximum(self.params.floor_q15, (clarity_q15[:, None] * gain_q15) >> 15)
        return (under_q15 * np.maximum(mask_q15, floor_q15)) << 1
