"""How loud the sound is against the usual level; twin of `stapes_sound_level.c`.

B utterances, F bins.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.sound_level import Params
from .running_mean import move
from .scalar import normalise, octaves_q16
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """State: sound_q24 and has_sound (B,)."""

    work: ClassVar = {"stapes_sound_level": "features"}
    params: Params

    def reset(self) -> None:
        """The level back to the usual one, and no sound yet."""
        self.sound_q24 = np.full(self.batch, self.params.usual_q24, np.int64)
        self.has_sound = np.zeros(self.batch, bool)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum_q31 (B, F, 2), exponent (B,) -> loud_q16, sound_begins (B,)."""
        p = self.params
        spectrum = values["spectrum_q31"][:, : p.bins]
        power = (spectrum[..., 0] ** 2 + spectrum[..., 1] ** 2).astype(np.uint64).sum(axis=1)
        octaves = octaves_q16(*normalise(np.maximum(power, 1))) + p.offset_q16 - (2 * values["exponent"] << 16)
        frame_q24 = octaves << 8
        heard = (power > 0) & (frame_q24 >= p.silent_q24)
        rate_q31 = np.where(frame_q24 > self.sound_q24, p.attack_q31, p.release_q31)
        moved_q24 = np.maximum(move(self.sound_q24, frame_q24, rate_q31), frame_q24 - p.near_q24)
        begins = heard & ~self.has_sound
        self.sound_q24 = np.where(begins, frame_q24 + p.start_q24, np.where(heard, moved_q24, self.sound_q24))
        self.has_sound = self.has_sound | heard
        loud_q16 = np.clip((self.sound_q24 - p.usual_q24) >> 8, p.least_q16, p.most_q16)
        return {"sound_q24": self.sound_q24, "loud_q16": loud_q16, "sound_begins": begins}
