"""The level of ERB bands over its running mean as features, in Q20; twin of `stapes_erb_level.c`.

B utterances, F bins, K bands.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.erb_level import Params
from .running_mean import move
from .scalar import exp2_q20, normalise, octaves_q16, round_right
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """State: erb_mean_q24 (B, K)."""

    work: ClassVar = {"stapes_erb_level": "features"}
    params: Params

    def reset(self) -> None:
        """The means back to their start."""
        self.mean_q24 = np.tile(self.params.start_q24.astype(np.int64), (self.batch, 1))

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """power_q40 (B, F); loud_q16, sound_begins (B,) where they are read -> feat_erb_q20 (B, K)."""
        p = self.params
        edges = p.edges.astype(np.int64)
        bin_q40 = np.full(self.batch, p.floor_q40, np.int64)
        if p.level:
            bin_q40 = np.maximum(round_right(p.floor_q40 * exp2_q20(values["loud_q16"]), 20), 1)
            start_q24 = p.start_q24 + (values["loud_q16"] << 8)[:, None]
            self.mean_q24 = np.where(values["sound_begins"][:, None], start_q24, self.mean_q24)
        floor_q40 = (np.diff(edges) * bin_q40[:, None]).astype(np.uint64)
        sum_q40 = np.add.reduceat(values["power_q40"], edges[:-1], axis=1) + floor_q40
        level_q24 = (octaves_q16(*normalise(sum_q40)) - p.width_log2_q16) << 8
        self.mean_q24 = move(self.mean_q24, level_q24, p.rate_q31)
        return {
            "erb_mean_q24": self.mean_q24,
            "feat_erb_q20": round_right((level_q24 - self.mean_q24) * p.scale_q27, 31),
        }
