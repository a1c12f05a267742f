"""The logarithm of the power of bands over its level as features, in Q20; twin of `stapes_bands.c`.

B utterances, F bins, K bands.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.bands import Params
from .level import Level, with_gains
from .scalar import normalise, round_right
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """State: the level."""

    work: ClassVar = {"stapes_bands": "features"}
    params: Params

    def reset(self) -> None:
        """Forget the level."""
        self.level = Level(self.params.level, self.batch)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """power_q40, and gain2_q30, gain_q15 where they are read (B, F), silent (B,) -> features_q20 (B, K or 2 K)."""
        p = self.params
        mantissa, exponent = normalise(self._sum(filtered_q40(values["power_q40"], values.get("gain2_q30"))))
        octaves_q24 = self.level.above_q24(mantissa, exponent - 40, values["silent"], p.width_log2_q16)
        features_q20 = np.clip(round_right(octaves_q24, 4 + p.range_shift), -p.clip_q20, p.clip_q20)
        gains = values.get("gain_q15")
        if gains is not None:
            # As all gains behind features: with_gains takes them to Q20.
            gains = (self._sum(gains) * p.width_reciprocal_q31.astype(np.int64) + (1 << 30)) >> 31
        return {"level_q24": self.level.level_q24, "features_q20": with_gains(features_q20, gains)}

    def _sum(self, x: np.ndarray) -> np.ndarray:
        return np.add.reduceat(x, self.params.edges[:-1].astype(np.int64), axis=1)


def filtered_q40(power_q40: np.ndarray, gain2_q30: np.ndarray | None) -> np.ndarray:
    """power * gain^2 in Q40, cut off, uint64; without a gain the power."""
    if gain2_q30 is None:
        return power_q40
    mantissa, exponent = normalise(power_q40)
    return (mantissa * gain2_q30.astype(np.uint64)) >> (30 - exponent).astype(np.uint64)
