"""Sound in 32 bits to the samples of the receiver; twin of `stapes_output.c`."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.output import Params
from .inverse import FRACTION_BITS, to_output_q15
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """Rounded and saturated."""

    work: ClassVar = {"stapes_output": "output"}
    params: Params

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """sound_q25 (B, hop) -> output_q15 (B, hop) int16."""
        return {"output_q15": to_output_q15(values["sound_q25"], FRACTION_BITS)}
