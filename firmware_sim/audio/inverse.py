"""From the filtered spectrum to a hop of samples; twin of `stapes_inverse.c`.

B utterances, N analysis samples, F bins.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.inverse import Params
from .rfft_q31 import RfftQ31
from .scalar import multiply_high, round_right
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """Inverse transform and overlap-add; state: overlap_q25 (B, hop)."""

    work: ClassVar = {"stapes_irfft_q31": "irfft", "stapes_inverse": "overlap-add"}
    params: Params

    def reset(self) -> None:
        """Forget the tail of the last frame."""
        self.rfft = RfftQ31(self.params.rfft)
        self.overlap_q25 = np.zeros((self.batch, self.params.hop), np.int64)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """filtered (B, F, 2), exponent (B,) -> output_q15 (B, hop) int16."""
        p = self.params
        frame = self.rfft.inverse(values["filtered"])[:, -p.synthesis :]
        windowed = multiply_high(frame << p.shift, p.window_q31)
        windowed_q25 = round_right(windowed, values["exponent"][:, None])
        total_q25 = self.overlap_q25 + windowed_q25[:, : p.hop]
        self.overlap_q25 = windowed_q25[:, p.hop :]
        return {"output_q15": np.clip(round_right(total_q25, 10), -(2**15), 2**15 - 1).astype(np.int16)}
