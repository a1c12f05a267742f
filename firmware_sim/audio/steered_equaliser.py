"""Peaks whose frequencies, gains and Qs are controls; twin of `stapes_steered_equaliser.c`.

B utterances, K bands.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.glide import END_Q30
from ...quantize.audio.steered_equaliser import Params
from .equaliser import Cascade
from .glide import between, share_q15
from .peaking import coefficients_q30
from .scalar import log2_q16
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """State: the cascade and its coefficients; of the glide what was given, start_q16 and target_q16 (3, K), position_q30."""

    work: ClassVar = {"stapes_steered_equaliser": "equaliser", "stapes_peaking": "coefficients"}
    params: Params

    def reset(self) -> None:
        """The next block begins with what is set by then."""
        bands = self.params.bands
        self.cascade = Cascade(self.batch, bands)
        self.coefficients_q30 = np.zeros((bands, 5), np.int64)
        self.given = np.zeros((3, bands), np.int64)
        self.start_q16, self.target_q16 = np.zeros((3, bands), np.int64), np.zeros((3, bands), np.int64)
        self.position_q30 = -1

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """sound_q25 (B, H) -> sound_q25 (B, H)."""
        names = ("frequency_q8", "gain_db_q16", "quality_q16")
        given = np.stack([self.controls[name][: self.params.bands] for name in names])
        first = self.position_q30 < 0
        if first or (given != self.given).any():
            self._aim(given)
        if first or self.position_q30 < END_Q30:
            if not first:
                self.position_q30 = min(self.position_q30 + self.params.step_q30, END_Q30)
            else:
                self.position_q30 = END_Q30
            self.coefficients_q30 = coefficients_q30(self.params.peaking, *self._now())
        return {"sound_q25": self.cascade.filter(values["sound_q25"], self.coefficients_q30)}

    def _aim(self, given: np.ndarray) -> None:
        frequency, gain, quality = given
        self.start_q16 = self._now() if self.position_q30 >= 0 else self.start_q16
        octaves = (log2_q16(frequency) - (8 << 16), gain, log2_q16(quality) - (16 << 16))
        self.given, self.target_q16 = given, np.stack(octaves)
        self.position_q30 = min(self.position_q30, 0)

    def _now(self) -> np.ndarray:
        if self.position_q30 == END_Q30:
            return self.target_q16
        return between(self.start_q16, self.target_q16, share_q15(np.asarray(self.position_q30)))
