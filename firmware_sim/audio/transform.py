"""From a hop of samples to the spectrum of its frame; twin of `stapes_transform.c`.

B utterances, N analysis samples, F bins.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.mixed_rfft import MixedRfftTables
from ...quantize.audio.transform import MixedParams, Params
from .mixed_rfft_q31 import MixedRfftQ31
from .rfft_q31 import RfftQ31
from .scalar import bit_length, multiply_high
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """State: history_q15 (B, N - hop)."""

    work: ClassVar = {
        "stapes_transform": "framing and window",
        "stapes_rfft_q31": "rfft",
        "stapes_mixed_transform": "framing and window",
        "stapes_mixed_rfft_q31": "rfft",
    }
    params: Params | MixedParams

    def reset(self) -> None:
        """The streams begin after silence."""
        tables = self.params.rfft
        self.rfft = MixedRfftQ31(tables) if isinstance(tables, MixedRfftTables) else RfftQ31(tables)
        self.history_q15 = np.zeros((self.batch, self.params.analysis - self.params.hop), np.int64)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """block_q15 (B, hop) -> spectrum_q31 (B, F, 2), exponent (B,).

        The spectrum of audio in [-1, 1) is spectrum_q31 / 2^30 * N * 2^-exponent.
        """
        frame_q15 = np.concatenate([self.history_q15, np.asarray(values["block_q15"], np.int64)], axis=1)
        self.history_q15 = frame_q15[:, self.params.hop :]
        exponent = headroom(frame_q15)
        # The high half of a Q31 product is Q30: the bit of room keeps every stage of the transform from overflowing. That of mixed
        # radix takes a quarter of it.
        windowed_q30 = multiply_high(frame_q15 << (16 + exponent)[:, None], self.params.window_q31)
        return {"exponent": exponent, "spectrum_q31": self.rfft.forward(windowed_q30)}


def headroom(frame_q15: np.ndarray) -> np.ndarray:
    """Left shift (B,) that every sample of (B, N) still holds in 16 bits: 0 to 15."""
    used = np.bitwise_or.reduce(frame_q15 ^ (frame_q15 >> 15), axis=1)
    return 15 - bit_length(used.astype(np.uint64))
