"""The spectrum itself as features, in Q20; twin of `stapes_complex.c`.

B utterances, F bins.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.complex import Params
from .scalar import isqrt_64, round_right
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """Magnitudes by an exact integer root, real parts, imaginary parts."""

    work: ClassVar = {"stapes_complex": "features"}
    params: Params

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum_q31 (B, F, 2), exponent (B,) -> features_q20 (B, 3 F): magnitudes, real parts, imaginary parts."""
        real, imag = values["spectrum_q31"][..., 0], values["spectrum_q31"][..., 1]
        magnitude = isqrt_64((real * real + imag * imag).astype(np.uint64))
        shift = (self.params.shift + values["exponent"])[:, None]
        features_q20 = round_right(np.concatenate([magnitude, real, imag], axis=1), np.maximum(shift, 0))
        return {"features_q20": features_q20 << np.maximum(-shift, 0)}
