"""Stage `sound_level`: how loud the sound is against the usual level, followed slowly, for features that must not hang on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .running_mean import decay
from .stage import FloatStage, Quantity, Stage, Values, require_bins
from .transform import Transform

# The level follows a louder frame in ATTACK s and a softer one in RELEASE s, and is never more than NEAR_DB under a frame: it stays
# near the loud frames of speech, PEAK_DB above the active level. Frames below SILENT_DB do not move it.
ATTACK, RELEASE = 0.2, 10.0
NEAR_DB = 9.0
PEAK_DB = 5.0
SILENT_DB = -100.0
# The first frame with sound is noise more often than speech, and speech is about this much louder than the noise of a room.
START_DB = 22.0
# Octaves of power over the usual level: 60 dB softer than usual to 24 dB louder.
LEAST_OCTAVES, MOST_OCTAVES = -20.0, 8.0


@dataclass(frozen=True)
class SoundLevel(Stage):
    """The level of the lowest `bins` bins over that of speech with an active level of `level_db` dBov, in octaves of power.

    Sound that is softer by a gain gives the same, less that gain, from the first frame that is not silent on.
    """

    kind: ClassVar[str] = "sound_level"
    traced: ClassVar[tuple[str, ...]] = ("loud_q16",)

    level_db: float = -28.0
    bins: int = 96

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if not -60.0 <= self.level_db <= 0.0:
            raise StapesError(f"level_db {self.level_db}: give -60 to 0 dBov")
        if self.bins < 1:
            raise StapesError(f"bins {self.bins}: give at least 1")

    def check(self, transform: Transform) -> None:
        require_bins("bins", self.bins, transform)

    @property
    def reads(self) -> tuple[str, ...]:
        return ("spectrum_q31", "exponent")

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (
            Quantity(
                "sound_q24", "int32", (), "log2 of the sum of abs(X / N)^2, followed, * 2^24", "64 * 2^24", "state"
            ),
            Quantity("loud_q16", "int32", (), "the same over the usual level * 2^16", "-20 * 2^16 .. 8 * 2^16"),
            Quantity("sound_begins", "bool", (), "the first frame that is not silent", "0 or 1"),
        )

    def usual_octaves(self, transform: Transform) -> float:
        """log2 of the sum of abs(X / N)^2 over all bins at the usual level, as the stage follows it."""
        power = 10.0 ** ((self.level_db + PEAK_DB) / 10.0)
        return math.log2(power * transform.window_power / (2.0 * transform.analysis))

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _SoundLevel(self, transform, batch)


def octaves(level_db: float) -> float:
    """A ratio of powers in dB, in octaves."""
    return level_db / 10.0 * math.log2(10.0)


class _SoundLevel(FloatStage):
    """State: `level` (B,) in octaves, and `has_sound` (B,), whether there was sound."""

    takes = ("spectrum",)

    def __init__(self, settings: SoundLevel, transform: Transform, batch: int) -> None:
        self.bins, self.points = settings.bins, transform.analysis
        self.attack, self.release = (1.0 - decay(transform, seconds) for seconds in (ATTACK, RELEASE))
        self.usual = settings.usual_octaves(transform)
        self.level = np.full(batch, self.usual)
        self.has_sound = np.zeros(batch, bool)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum (B, F) complex, unnormalised -> loud in octaves of power, sound_begins, (B,)."""
        spectrum = values["spectrum"][:, : self.bins] / self.points
        power = np.sum(spectrum.real**2 + spectrum.imag**2, axis=-1)
        heard = power >= 10.0 ** (SILENT_DB / 10.0)
        frame = np.log2(np.where(heard, power, 1.0))
        above = frame - self.level
        moved = self.level + above * np.where(above > 0, self.attack, self.release)
        moved = np.maximum(moved, frame - octaves(NEAR_DB))
        begins = heard & ~self.has_sound
        self.level = np.where(begins, frame + octaves(START_DB), np.where(heard, moved, self.level))
        self.has_sound = self.has_sound | heard
        loud = np.clip(self.level - self.usual, LEAST_OCTAVES, MOST_OCTAVES)
        return {"loud": loud, "sound_begins": begins}
