"""A floor under the mask; twin of `stapes_mask_floor.c`.

B utterances, F bins.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.mask_floor import Params
from .twin import IntegerStage, Values

LARGEST_MASK_Q15 = 2**15 - 1


class Twin(IntegerStage):
    """The higher of the two; a floor of one is the largest mask."""

    work: ClassVar = {"stapes_mask_floor": "controls"}
    params: Params

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """mask_q15 (B, F) -> mask_q15; nothing where the path runs without one."""
        if "mask_q15" not in values:
            return {}
        floor_q15 = np.minimum(self.controls["floor_q15"], LARGEST_MASK_Q15)
        return {"mask_q15": np.maximum(values["mask_q15"], floor_q15)}
