"""Peaks whose gains the network gives; twin of `stapes_tone_equaliser.c`.

B utterances, K peaks.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.glide import END_Q30
from ...quantize.audio.tone_equaliser import Params
from .equaliser import Cascade
from .glide import between, share_q15
from .peaking import coefficients_q30
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """State: the cascade and its coefficients_q30 (B, K, 5); of the glide start_q16 and target_q16 (B, K), position_q30, and hops to wait."""

    work: ClassVar = {"stapes_tone_equaliser": "equaliser", "stapes_peaking": "coefficients"}
    params: Params

    def reset(self) -> None:
        """0 dB, and the next block looks at the gains."""
        bands = self.params.bands
        self.cascade = Cascade(self.batch, bands)
        self.coefficients_q30 = np.zeros((self.batch, bands, 5), np.int64)
        self.start_q16, self.target_q16 = (np.zeros((self.batch, bands), np.int64) for _ in range(2))
        self.position_q30, self.wait = END_Q30, 0

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """sound_q25 (B, H), tone_gains_q15 (B, K), absent for 0 dB -> sound_q25 (B, H)."""
        if self.wait == 0:
            gains_q15 = np.asarray(values.get("tone_gains_q15", np.zeros_like(self.target_q16)), np.int64)
            # 12 dB * 2^16 / 2^15. The glide is over by now: it ends where the next one begins.
            self.start_q16, self.target_q16 = self.target_q16, 24 * gains_q15
            self.position_q30, self.wait = 0, self.params.hops
        self.wait -= 1
        if self.position_q30 < END_Q30:
            self._move()
        return {"sound_q25": self.cascade.filter(values["sound_q25"], self.coefficients_q30)}

    def _move(self) -> None:
        p = self.params
        self.position_q30 = min(self.position_q30 + p.step_q30, END_Q30)
        gains_q16 = between(self.start_q16, self.target_q16, share_q15(np.asarray(self.position_q30)))
        octaves_q16 = np.broadcast_to(p.octaves_q16.astype(np.int64), gains_q16.shape)
        qualities_q16 = np.full_like(gains_q16, p.quality_q16)
        self.coefficients_q30 = coefficients_q30(p.peaking, octaves_q16, gains_q16, qualities_q16)
