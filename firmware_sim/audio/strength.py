"""How much of the reduction sounds; twin of `stapes_strength.c`.

B utterances, F bins.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.strength import Params
from .scalar import round_right
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """The noisy spectrum, and of its distance to the filtered one a share, rounded once."""

    work: ClassVar = {"stapes_strength": "controls"}
    params: Params

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum_q31, filtered (B, F, 2) -> filtered."""
        noisy = np.asarray(values["spectrum_q31"], np.int64) << self.params.filtered_shift
        distance = np.asarray(values["filtered"], np.int64) - noisy
        return {"filtered": noisy + round_right(distance * self.controls["mix_q15"], 15)}
