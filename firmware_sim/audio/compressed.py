"""A power law of the power over its level as features, in Q20; twin of `stapes_compressed.c`.

B utterances, F bins.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.compressed import Params
from .level import Level, filtered_power, with_gains
from .scalar import exp2_q20
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """State: the level."""

    work: ClassVar = {"stapes_compressed": "features"}
    params: Params

    def reset(self) -> None:
        """Forget the level."""
        self.level = Level(self.params.level, self.batch)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """power_q40, and gain2_q30, gain_q15 where they are read (B, F), silent (B,) -> features_q20 (B, F or 2 F)."""
        power = filtered_power(values["power_q40"], values.get("gain2_q30"))
        octaves_q24 = self.level.above_q24(*power, values["silent"])
        exponent_q16 = (octaves_q24 * self.params.compression_q31 + (1 << 38)) >> 39
        features_q20 = np.minimum(exp2_q20(np.clip(exponent_q16, -20 << 16, 10 << 16)), self.params.clip_q20)
        return {
            "level_q24": self.level.level_q24,
            "features_q20": with_gains(features_q20, values.get("gain_q15")),
        }
