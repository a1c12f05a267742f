"""Stage `bands`: the logarithm of the mean power of bands as wide as the ear's, over its level, as features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .level import LEVEL, Level
from .log import CLIP, RANGE, Log
from .stage import FloatStage, Quantity, Values, require_bins
from .transform import Transform


@dataclass(frozen=True)
class Bands(Log):
    """log2(mean power of a band / level) / 8, within -4 .. 4, in `bands` bands; with `gain_input` the mean gains of the bands behind them.

    Each bin is of one band, each band has at least one bin; other settings as those of `log`.
    """

    kind: ClassVar[str] = "bands"

    bands: int = 24

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bands < 2:
            raise StapesError(f"bands {self.bands}: give at least 2")

    def check(self, transform: Transform) -> None:
        require_bins("bands", self.bands, transform)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (LEVEL, self.features(self.bands, "clipped to 4 * 2^20", 2**23))

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _Bands(self, transform, batch)


def band_edges(bands: int, transform: Transform) -> np.ndarray:
    """First bin of each band, and the number of bins: (bands + 1,) int64.

    Equal steps of the ERB-rate, 21.4 log10(1 + 0.00437 f), from 0 Hz to half of the rate (Glasberg and Moore, Derivation of auditory
    filter shapes from notched-noise data, 1990), moved apart where a band would have no bin.
    """
    bins, nyquist = transform.bins, transform.sample_rate / 2
    rate = np.linspace(0.0, 21.4 * np.log10(1.0 + 0.00437 * nyquist), bands + 1)
    hertz = (10.0 ** (rate / 21.4) - 1.0) / 0.00437
    edges = np.floor(hertz / nyquist * (bins - 1) + 0.5).astype(np.int64)
    edges[-1] = bins
    for band in range(1, bands):
        edges[band] = min(max(edges[band], edges[band - 1] + 1), bins - (bands - band))
    return edges


class _Bands(FloatStage):
    """State: the level."""

    takes = ("power", "gain", "silent")

    def __init__(self, settings: Bands, transform: Transform, batch: int) -> None:
        self.settings = settings
        self.edges = band_edges(settings.bands, transform)
        self.level = Level(settings.noise_floor, batch)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """power, and gain where it is read (B, F), silent (B,) -> features (B, bands or 2 bands)."""
        octaves = self.level.above(self._mean(self.settings.power_of(values)), values["silent"])
        features = np.clip(octaves / RANGE, -CLIP, CLIP)
        gains = self._mean(values["gain"]) if self.settings.gain_input else None
        return {"features": self.settings.with_gains(features, gains)}

    def _mean(self, values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values, self.edges[:-1], axis=-1) / np.diff(self.edges)
