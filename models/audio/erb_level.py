"""Stage `erb_level`: the level of ERB bands in dB over its running mean, the first input of DeepFilterNet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .erb import erb_widths
from .running_mean import RunningMean, decay, require_seconds
from .sound_level import LEAST_OCTAVES
from .stage import FloatStage, Quantity, Stage, Values, require_tensor
from .transform import Transform

FIRST_DB, LAST_DB = -60.0, -90.0
FLOOR = 1e-10
RANGE_DB = 40.0
# From silence to full scale, or back.
_REACH_DB = 100


@dataclass(frozen=True)
class ErbLevel(Stage):
    """(L - s) / 40 with L = 10 log10(mean of abs(X / N)^2 over a band + 1e-10) in dB, and s its running mean.

    `bands` bands of `least_bins` bins or more; `time_constant` of the mean in s, which begins at -60 dB in the lowest band and at -90 dB in
    the highest. `input`: the network's input that they are. Twice the sound, once the mean has followed, gives the same features.
    `level`: the floor 1e-10 and the start of the mean follow the level of the sound as the stage `sound_level` tells it, so that twice the
    sound gives the same features at once, and soft sound does not sink into the floor.
    Schroeter et al., DeepFilterNet2 (2022).
    """

    kind: ClassVar[str] = "erb_level"
    traced: ClassVar[tuple[str, ...]] = ("erb_mean_q24", "feat_erb_q20")

    bands: int = 32
    least_bins: int = 2
    time_constant: float = 1.0
    input: str = "feat_erb"
    level: bool = False

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if self.bands < 2:
            raise StapesError(f"bands {self.bands}: give at least 2")
        require_seconds("time_constant", self.time_constant)
        require_tensor("input", self.input)

    def check(self, transform: Transform) -> None:
        self.widths(transform)

    @property
    def reads(self) -> tuple[str, ...]:
        return ("power_q40", *(("loud_q16", "sound_begins") if self.level else ()))

    @property
    def limit_q20(self) -> int:
        """The largest feature: from silence to full scale, or back; the floor of softest sound is that much lower."""
        softest_db = -10.0 * math.log10(2.0) * LEAST_OCTAVES if self.level else 0.0
        return math.ceil((_REACH_DB + softest_db) / RANGE_DB * 2**20)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (
            Quantity(
                "erb_mean_q24",
                "int32",
                (self.bands,),
                "running mean of log2(mean of power * 2^40 in the band + floor) * 2^24",
                "50 * 2^24",
                "state",
            ),
            Quantity(
                "feat_erb_q20",
                "int32",
                (self.bands,),
                "level over its mean in dB / 40 * 2^20",
                "2.5 * 2^20: 100 dB; with level 60 dB more",
                "features",
                (-self.limit_q20, self.limit_q20),
                self.input,
            ),
        )

    @property
    def sizes(self) -> dict[str, int]:
        return {"BANDS": self.bands}

    def widths(self, transform: Transform) -> np.ndarray:
        """Bins of each band, (bands,) int64."""
        return erb_widths(transform.sample_rate, transform.analysis, self.bands, self.least_bins)

    @property
    def start_db(self) -> np.ndarray:
        """What the mean begins at, (bands,)."""
        return np.linspace(FIRST_DB, LAST_DB, self.bands)

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _ErbLevel(self, transform, batch)


class _ErbLevel(FloatStage):
    """State: the running mean in dB."""

    takes = ("power", "loud", "sound_begins")

    def __init__(self, settings: ErbLevel, transform: Transform, batch: int) -> None:
        self.settings = settings
        widths = settings.widths(transform)
        self.first, self.widths = np.cumsum(widths) - widths, widths
        self.scale = transform.window_power / transform.analysis**2
        self.mean = RunningMean(settings.start_db, decay(transform, settings.time_constant), batch)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """power (B, F); loud, sound_begins (B,) where they are read -> feat_erb (B, bands)."""
        power = np.add.reduceat(values["power"], self.first, axis=-1) / self.widths * self.scale
        floor: np.ndarray | float = FLOOR
        if self.settings.level:
            floor = FLOOR * 2.0 ** values["loud"][:, None]
            start_db = self.settings.start_db + 10.0 * np.log10(floor / FLOOR)
            self.mean.mean = np.where(values["sound_begins"][:, None], start_db, self.mean.mean)
        level_db = 10.0 * np.log10(power + floor)
        return {"feat_erb": (level_db - self.mean.move(level_db)) / RANGE_DB}
