"""A part of the noisy spectrum stays; twin of `stapes_attenuation_limit.c`.

B utterances, F bins.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.attenuation_limit import Params
from .scalar import round_right
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """Two products, rounded once."""

    work: ClassVar = {"stapes_attenuation_limit": "attenuation limit"}
    params: Params

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum_q31, filtered (B, F, 2) -> filtered."""
        p = self.params
        noisy = np.asarray(values["spectrum_q31"], np.int64) << p.filtered_shift
        mixed = np.asarray(values["filtered"], np.int64) * p.filtered_q31 + noisy * p.noisy_q31
        return {"filtered": round_right(mixed, 31)}
