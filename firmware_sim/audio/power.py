"""The power of each bin; twin of `stapes_power.c`.

B utterances, F bins.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.power import Params
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """|X|^2 / sum(window^2)."""

    work: ClassVar = {"stapes_power": "power"}
    params: Params

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum_q31 (B, F, 2), exponent (B,) -> power_q40 (B, F) uint64."""
        spectrum_q31 = values["spectrum_q31"]
        squared = (spectrum_q31[..., 0] ** 2 + spectrum_q31[..., 1] ** 2).astype(np.uint64)
        shift = self.params.shift + 2 * values["exponent"]
        return {"power_q40": squared >> shift.astype(np.uint64)[:, None]}
