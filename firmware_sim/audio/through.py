"""The spectrum as it is; twin of `stapes_through.c`.

B utterances, F bins.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.through import Params
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """A shift."""

    work: ClassVar = {"stapes_through": "through"}
    params: Params

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum_q31 (B, F, 2) -> filtered (B, F, 2)."""
        return {"filtered": np.asarray(values["spectrum_q31"], np.int64) << self.params.filtered_shift}
