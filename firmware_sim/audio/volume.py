"""A gain of the samples that glides; twin of `stapes_volume.c`.

B utterances.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.volume import Params
from .glide import Glide
from .scalar import round_right
from .twin import IntegerStage, Values

ONE_Q16 = 1 << 16


class Twin(IntegerStage):
    """State: the gain, in Q16."""

    work: ClassVar = {"stapes_volume": "controls"}
    params: Params

    def reset(self) -> None:
        """The next block begins with what is set by then."""
        self.glide = Glide()

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """output_q15 (B, hop) -> output_q15 int16, saturated."""
        self.glide.aim(int(self.controls["gain_q16"]))
        if self.glide.rests_at(ONE_Q16):
            return {"output_q15": values["output_q15"]}
        gain_q16 = self.glide.next(self.params.step_q30, self.params.hop)
        made = round_right(np.asarray(values["output_q15"], np.int64) * gain_q16, 16)
        return {"output_q15": np.clip(made, -(2**15), 2**15 - 1).astype(np.int16)}
