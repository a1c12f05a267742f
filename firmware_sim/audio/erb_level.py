"""The level of ERB bands over its running mean as features, in Q20; twin of `stapes_erb_level.c`.

B utterances, F bins, K bands.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.erb_level import Params
from .running_mean import move
from .scalar import normalise, octaves_q16, round_right
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """State: erb_mean_q24 (B, K)."""

    work: ClassVar = {"stapes_erb_level": "features"}
    params: Params

    def reset(self) -> None:
        """The means back to their start."""
        self.mean_q24 = np.tile(self.params.start_q24.astype(np.int64), (self.batch, 1))

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """power_q40 (B, F) -> feat_erb_q20 (B, K)."""
        p = self.params
        edges = p.edges.astype(np.int64)
        floor_q40 = (np.diff(edges) * p.floor_q40).astype(np.uint64)
        sum_q40 = np.add.reduceat(values["power_q40"], edges[:-1], axis=1) + floor_q40
        level_q24 = (octaves_q16(*normalise(sum_q40)) - p.width_log2_q16) << 8
        self.mean_q24 = move(self.mean_q24, level_q24, p.rate_q31)
        return {
            "erb_mean_q24": self.mean_q24,
            "feat_erb_q20": round_right((level_q24 - self.mean_q24) * p.scale_q27, 31),
        }
