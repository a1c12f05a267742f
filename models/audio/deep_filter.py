"""Stage `deep_filter`: complex filters of the network over some frames of the noisy spectrum, in its first bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .look_ahead import MOST_FRAMES
from .lsnr import LsnrRange
from .stage import FloatStage, Pointwise, Quantity, Values, require_bins, require_tensor
from .transform import Transform

LARGEST_COEFFICIENT = 128.0


@dataclass(frozen=True)
class DeepFilter(LsnrRange):
    """`order` taps, the frames that the stage `look_ahead` knows, in `bins` bins; `output`: the network's output that the filters are.

    For a bin k: filtered[k] = sum over taps i of coefs[k, i] * taps[i, k], complex, of the noisy spectrum. It takes the place of what
    `band_gains` made there; the bins behind stay. Where the network's SNR is out of `lsnr_min_db` to `lsnr_max_db`, all stay.
    Source: Mack and Habets, Deep Filtering, 2020; Schroeter et al., DeepFilterNet, 2022, section 2.
    """

    kind: ClassVar[str] = "deep_filter"
    traced: ClassVar[tuple[str, ...]] = ("coefs_q20",)
    replaces: ClassVar[tuple[str, ...]] = ("filtered",)
    judged_by_sound: ClassVar[bool] = True

    order: int = 5
    bins: int = 96
    output: str = "coefs"

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        super().__post_init__()
        require_tensor("output", self.output)
        if not 2 <= self.order <= MOST_FRAMES:
            raise StapesError(f"order {self.order}: give 2 to {MOST_FRAMES}")
        if self.bins < 1:
            raise StapesError(f"bins {self.bins}: give at least 1")

    def check(self, transform: Transform) -> None:
        require_bins("bins", self.bins, transform)

    @property
    def reads(self) -> tuple[str, ...]:
        return ("taps_q31", "coefs_q20", *(quantity.name for quantity in self.lsnr), "filtered")

    @property
    def expects(self) -> dict[str, tuple[int | str, ...]]:
        return {"taps_q31": (self.order, self.bins, 2)}

    @property
    def bins_made_anew(self) -> int:
        return 0 if self.asks_lsnr else self.bins

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        limit = int(LARGEST_COEFFICIENT) << 20
        return (
            Quantity(
                "coefs_q20",
                "int32",
                (self.bins, self.order, 2),
                "coefficient * 2^20, real and imaginary part",
                "+-128 * 2^20: sums are below 2^61",
                "asked",
                (-limit, limit),
                self.output,
            ),
            *self.lsnr,
            Quantity(
                "filtered", "int32", ("F", 2), "in its bins the sum of spectrum * coefficient", "saturated to int32"
            ),
        )

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _DeepFilter(self)


class _DeepFilter(Pointwise):
    def __init__(self, settings: DeepFilter) -> None:
        self.settings = settings

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """taps (..., order, bins), coefs (..., bins * order * 2), lsnr (..., 1) where it is read, filtered (..., F) -> filtered.

        Without coefficients filtered stays as it is.
        """
        if "coefs" not in values:
            return {"filtered": values["filtered"]}
        taps, filtered = values["taps"], values["filtered"]
        parts = values["coefs"].reshape(*filtered.shape[:-1], self.settings.bins, self.settings.order, 2)
        coefs = parts[..., 0] + 1j * parts[..., 1]
        sums = np.sum(coefs * np.moveaxis(taps, -2, -1), axis=-1)
        stay = np.logical_or(*self.settings.above_and_below(values))
        low = np.where(stay, filtered[..., : self.settings.bins], sums)
        return {"filtered": np.concatenate([low, filtered[..., self.settings.bins :]], axis=-1)}
