"""The microphone's samples as late as the end of the path; twin of `stapes_dry.c`.

B utterances. The C keeps the hops in a ring; here they are a list, oldest first.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.dry import Params
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """State: the hops before the present one."""

    work: ClassVar = {"stapes_dry": "controls"}
    params: Params

    def reset(self) -> None:
        """The hops before the start are zero."""
        self.known_q15 = [np.zeros((self.batch, self.params.hop), np.int64)] * (self.params.blocks - 1)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """block_q15 (B, hop) -> dry_q15 (B, hop)."""
        known = [*self.known_q15, np.asarray(values["block_q15"], np.int64)]
        self.known_q15 = known[1:]
        return {"dry_q15": known[0]}
