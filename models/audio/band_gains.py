"""Stage `band_gains`: one gain of the network a band on the spectrum, as DeepFilterNet does before its deep filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..schema import STRICT
from .erb import erb_widths
from .lsnr import LsnrRange
from .stage import FloatStage, Pointwise, Quantity, Values, require_tensor
from .transform import Transform


@dataclass(frozen=True)
class BandGains(LsnrRange):
    """`bands` of at least `least` bins (`models/audio/erb.py`), all bins of a band by its gain; `output`: the network's output that the gains are.

    Where the network's SNR is below `lsnr_min_db` the gains are zero, where it is above `lsnr_max_db` they are one.
    """

    kind: ClassVar[str] = "band_gains"
    traced: ClassVar[tuple[str, ...]] = ("gains_q15",)
    judged_by_sound: ClassVar[bool] = True

    bands: int = 32
    least: int = 2
    output: str = "gains"

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        super().__post_init__()
        require_tensor("output", self.output)

    def check(self, transform: Transform) -> None:
        self.widths(transform)

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
                "gains_q15", "int16", (self.bands,), "gain * 2^15", "0 .. 32767", "asked", (0, 2**15 - 1), self.output
            ),
            *self.lsnr,
            Quantity("filtered", "int32", ("F", 2), "spectrum_q31 * gain * 2", "2^32 / pi"),
        )

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _BandGains(self, transform)


class _BandGains(Pointwise):
    def __init__(self, settings: BandGains, transform: Transform) -> None:
        self.settings = settings
        self.widths = settings.widths(transform)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum (..., F), gains (..., bands), lsnr (..., 1) where it is read -> filtered (..., F); without gains the spectrum."""
        if "gains" not in values:
            return {"filtered": values["spectrum"]}
        above, below = self.settings.above_and_below(values)
        gains = np.where(above, 1.0, np.where(below, 0.0, np.repeat(values["gains"], self.widths, axis=-1)))
        return {"filtered": values["spectrum"] * gains}
