"""The microphone's own samples in place of the path's; twin of `stapes_bypass.c`.

B utterances.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.bypass import Params
from .glide import Glide
from .scalar import round_right
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """State: the share of the microphone's samples, in Q15, which glides between 0 and one."""

    work: ClassVar = {"stapes_bypass": "controls"}
    params: Params

    def reset(self) -> None:
        """The next block begins with what is set by then."""
        self.glide = Glide()

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """dry_q15, output_q15 (B, hop) -> output_q15 int16."""
        self.glide.aim(int(self.controls["on"]) << 15)
        if self.glide.rests_at(0):
            return {"output_q15": values["output_q15"]}
        share_q15 = self.glide.next(self.params.step_q30, self.params.hop)
        output_q15 = np.asarray(values["output_q15"], np.int64)
        distance = values["dry_q15"] - output_q15
        return {"output_q15": (output_q15 + round_right(distance * share_q15, 15)).astype(np.int16)}
