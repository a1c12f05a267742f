"""The colour of the sound so far as features, in Q20; twin of `stapes_tone_level.c`.

B utterances, F bins, K bands.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.tone_level import Params
from .scalar import bit_length, log2_q16, normalise, octaves_q16, round_right
from .twin import IntegerStage, Values

# As FLOOR_LOG2 in models/audio/tone_level.py.
FLOOR_SHIFT = 20


class Twin(IntegerStage):
    """State: tone_mean_q48 (B, K), frames (B,)."""

    work: ClassVar = {"stapes_tone_level": "features"}
    params: Params

    def reset(self) -> None:
        """Nothing was heard."""
        self.mean_q48 = np.zeros((self.batch, self.params.bands), np.int64)
        self.frames = np.zeros(self.batch, np.int64)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """power_q40 (B, F) -> tone_q20 (B, K + 1)."""
        self._hear(values["power_q40"])
        return {"tone_mean_q48": self.mean_q48.astype(np.uint64), "tone_q20": self._colour()}

    def _hear(self, power_q40: np.ndarray) -> None:
        p = self.params
        sum_q40 = np.add.reduceat(power_q40, p.edges[:-1].astype(np.int64), axis=1).astype(np.int64)
        sounds = (sum_q40 > 0).any(axis=1)
        self.frames = np.minimum(self.frames + sounds, 1 << p.memory)
        shift = np.maximum(bit_length(self.frames.astype(np.uint64)) - 1, 0)
        self.mean_q48 = self.mean_q48 + (((sum_q40 << 8) - self.mean_q48) >> shift[:, None])

    def _colour(self) -> np.ndarray:
        p = self.params
        floor_q48 = self.mean_q48.sum(axis=1, keepdims=True) >> FLOOR_SHIFT
        level_q48 = (self.mean_q48 + floor_q48).astype(np.uint64)
        heard = level_q48 > 0
        octaves = np.where(heard, octaves_q16(*normalise(np.maximum(level_q48, 1))) - p.width_log2_q16, 0)
        above = p.bands * octaves - octaves.sum(axis=1, keepdims=True)
        heard_q20 = round_right(log2_q16(1 + self.frames) * p.heard_q15, 15)
        return np.concatenate([round_right(above * p.share_q30, 30), heard_q20[:, None]], axis=1)
