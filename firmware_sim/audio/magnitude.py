"""Magnitudes as features, in Q20; twin of `stapes_magnitude.c`.

B utterances, F bins.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.magnitude import Params
from .level import filtered_power, with_gains
from .scalar import isqrt, shift_round
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """|X|, times the Wiener gain where that is read."""

    work: ClassVar = {"stapes_magnitude": "features"}
    params: Params

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """power_q40, and gain2_q30, gain_q15 where they are read, (B, F) -> features_q20 (B, F or 2 F)."""
        mantissa, exponent = filtered_power(values["power_q40"], values.get("gain2_q30"))
        exponent = exponent + self.params.window_power_log2
        odd = exponent & 1
        root = isqrt(mantissa >> odd.astype(np.uint64))
        magnitude_q20 = shift_round(root, np.maximum(((exponent + odd) >> 1) + 20, -31))
        return {"features_q20": with_gains(magnitude_q20, values.get("gain_q15"))}
