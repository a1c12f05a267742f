"""Stage `band_gains`: one gain of the network a band on the spectrum, as DeepFilterNet does before its deep filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .erb import erb_widths
from .lsnr import LsnrRange
from .stage import FloatStage, Pointwise, Quantity, Stage, Values, require_tensor
from .transform import Transform


@dataclass(frozen=True)
class BandGains(LsnrRange):
    """`bands` of at least `least` bins (`models/audio/erb.py`), all bins of a band by its gain; `output`: the network's output that the gains are.

    `first`: the network gives the gains from this band on, for a path whose `deep_filter` takes the place of those below.

    Where the network's SNR is below `lsnr_min_db` the gains are zero, where it is above `lsnr_max_db` they are one.
    """

    kind: ClassVar[str] = "band_gains"
    traced: ClassVar[tuple[str, ...]] = ("gains_q15",)
    judged_by_sound: ClassVar[bool] = True

    bands: int = 32
    least: int = 2
    output: str = "gains"
    first: int = 0

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        super().__post_init__()
        require_tensor("output", self.output)

    def check(self, transform: Transform) -> None:
        self.widths(transform)
        if not 0 <= self.first < self.bands:
            raise StapesError(f"first {self.first}: there are {self.bands} bands; give 0 to {self.bands - 1}")

    def check_path(self, stages: Sequence[Stage]) -> None:
        transform = stages[0]
        assert isinstance(transform, Transform)
        below = self.bins_below(transform)
        if below > _made_anew(stages[list(stages).index(self) + 1 :]):
            raise StapesError(
                f"path: stage {self.kind!r}: first {self.first}: {below} bins are without a gain, and no deep_filter behind it always takes "
                "their place; give a lower one"
            )

    def narrowed(self, behind: Sequence[Stage], transform: Transform) -> Stage:
        bins = _made_anew(behind)
        ends = np.cumsum(self.widths(transform))
        return replace(self, first=min(int(np.sum(ends <= bins)), self.bands - 1))

    def bins_below(self, transform: Transform) -> int:
        """Bins of the bands below `first`."""
        return int(self.widths(transform)[: self.first].sum())

    def widths(self, transform: Transform) -> np.ndarray:
        """Bins of each band, (bands,); raises StapesError where they do not fit."""
        return erb_widths(transform.sample_rate, transform.analysis, self.bands, self.least)

    @property
    def reads(self) -> tuple[str, ...]:
        return ("spectrum_q31", "gains_q15", *(quantity.name for quantity in self.lsnr))

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (
            Quantity(
                "gains_q15",
                "int16",
                (self.bands - self.first,),
                "gain * 2^15",
                "0 .. 32767",
                "asked",
                (0, 2**15 - 1),
                self.output,
            ),
            *self.lsnr,
            Quantity("filtered", "int32", ("F", 2), "spectrum_q31 * gain * 2", "2^32 / pi"),
        )

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _BandGains(self, transform)


def _made_anew(behind: Sequence[Stage]) -> int:
    """Lowest bins that the first stage which takes the place of the filtered spectrum always makes anew."""
    return next((stage.bins_made_anew for stage in behind if "filtered" in stage.replaces), 0)


class _BandGains(Pointwise):
    def __init__(self, settings: BandGains, transform: Transform) -> None:
        self.settings = settings
        self.widths = settings.widths(transform)[settings.first :]
        self.below = settings.bins_below(transform)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum (..., F), gains (..., bands - first), lsnr (..., 1) where it is read -> filtered (..., F); without gains the spectrum."""
        if "gains" not in values:
            return {"filtered": values["spectrum"]}
        above, below = self.settings.above_and_below(values)
        given = np.repeat(values["gains"], self.widths, axis=-1)
        given = np.concatenate([np.zeros((*given.shape[:-1], self.below)), given], axis=-1)
        gains = np.where(above, 1.0, np.where(below, 0.0, given))
        return {"filtered": values["spectrum"] * gains}
