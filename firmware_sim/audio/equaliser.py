"""A cascade of sections on the sound; twin of `stapes_equaliser.c`.

B utterances, K sections, H samples of a hop.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.equaliser import Params
from ...quantize.audio.wide_inverse import LOUDEST_Q25
from .twin import IntegerStage, Values

REST = (1 << 30) - 1
HIGHEST = 1 << 28


class Cascade:
    """Sections in direct form I, whose rounding passes on what it cuts off.

    State: taps_q25 (B, K, 5), the sample before each section, the two before it, and the two last ones behind the section; rest_q55
    (B, K).
    """

    def __init__(self, batch: int, sections: int) -> None:
        self.taps_q25 = np.zeros((batch, sections, 5), np.int64)
        self.rest_q55 = np.zeros((batch, sections), np.int64)

    @property
    def past_q25(self) -> np.ndarray:
        """The taps as the C keeps them, (B, K, 4)."""
        return self.taps_q25[..., [0, 1, 3, 4]]

    def filter(self, sound_q25: np.ndarray, coefficients_q30: np.ndarray) -> np.ndarray:
        """sound_q25 (B, H), coefficients_q30 (K, 5), or (B, K, 5) -> sound_q25 (B, H)."""
        (batch, hop), count = sound_q25.shape, coefficients_q30.shape[-2]
        made_q25 = np.empty_like(sound_q25)
        between_q25 = np.zeros((batch, count + 1), np.int64)
        # Sections work side by side, each one sample behind the one before it: as if in series, in fewer steps of numpy.
        for t in range(hop + count - 1):
            first, end = max(0, t - hop + 1), min(count, t + 1)
            if t < hop:
                between_q25[:, 0] = sound_q25[:, t]
            between_q25[:, first + 1 : end + 1] = self._sample(
                slice(first, end), coefficients_q30[..., first:end, :], between_q25[:, first:end]
            )
            if end == count:
                made_q25[:, t - count + 1] = between_q25[:, -1]
        return made_q25

    def _sample(self, sections: slice, coefficients_q30: np.ndarray, x_q25: np.ndarray) -> np.ndarray:
        """One sample of some sections, (B, k) -> (B, k)."""
        taps_q25 = self.taps_q25[:, sections]
        taps_q25[..., 2] = taps_q25[..., 1]
        taps_q25[..., 1] = taps_q25[..., 0]
        taps_q25[..., 0] = x_q25
        sum_q55 = self.rest_q55[:, sections] + (taps_q25 * coefficients_q30).sum(axis=-1)
        self.rest_q55[:, sections] = sum_q55 & REST
        y_q25 = (np.clip(sum_q55 >> 32, -HIGHEST, HIGHEST - 1) << 2) | ((sum_q55 >> 30) & 3)
        taps_q25[..., 4] = taps_q25[..., 3]
        taps_q25[..., 3] = y_q25
        return y_q25


class Twin(IntegerStage):
    """State: the cascade."""

    work: ClassVar = {"stapes_equaliser": "equaliser"}
    params: Params

    def reset(self) -> None:
        """Forget the samples."""
        self.coefficients_q30 = self.params.coefficients_q30.reshape(-1, 5).astype(np.int64)
        self.cascade = Cascade(self.batch, self.params.sections)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """sound_q25 (B, H) -> sound_q25 (B, H)."""
        made_q25 = self.cascade.filter(values["sound_q25"], self.coefficients_q30)
        lift = self.params.lift
        largest = LOUDEST_Q25 >> lift
        return {"sound_q25": np.clip(made_q25, -largest, largest) << lift if lift else made_q25}
