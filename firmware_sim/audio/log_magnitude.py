"""The logarithm of the magnitudes as features, in Q20; twin of `stapes_log_magnitude.c`.

B utterances, F bins.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.log_magnitude import Params
from .scalar import multiply_high, normalise, octaves_q16
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """Of the sum of squares, so that no root is taken."""

    work: ClassVar = {"stapes_log_magnitude": "features"}
    params: Params

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum_q31 (B, F, 2), exponent (B,) -> features_q20 (B, F)."""
        p = self.params
        real, imag = values["spectrum_q31"][..., 0], values["spectrum_q31"][..., 1]
        mantissa, exponent = normalise((real * real + imag * imag).astype(np.uint64))
        right = 2 * (p.shift + values["exponent"])[:, None]
        octaves = octaves_q16(np.maximum(mantissa, np.uint64(1)), exponent - right)
        power_q16 = np.where(mantissa > 0, np.maximum(octaves, p.floor_q16), p.floor_q16)
        return {"features_q20": multiply_high(power_q16 << 7, p.factor_q29)}
