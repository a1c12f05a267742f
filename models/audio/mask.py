"""Stage `mask`: a real mask of the network on the spectrum, with the Wiener gain before it or under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .power_features import SPECTRA, require_spectrum
from .stage import Filter, FloatStage, Pointwise, Quantity, Values, require_tensor
from .transform import Transform

if TYPE_CHECKING:
    from torch import Tensor

# What `on` says of a mask that needs no Wiener filter in the path.
ALONE = "alone"


@dataclass(frozen=True)
class Mask(Filter):
    """`on`: the mask multiplies the output of the Wiener filter, or the noisy spectrum; `alone`: the noisy spectrum in a path that may have
    no Wiener filter, whose gain is one then. `floor_db`: the mask is not less than this, an amplitude.

    `output`: the network's output that is the mask, "" for its only one. In clear speech the Wiener gain is a floor under the mask, as far as the filter's `clear_snr_db` says that it is clear.
    """

    kind: ClassVar[str] = "mask"
    traced: ClassVar[tuple[str, ...]] = ("mask_q15",)

    floor_db: float | None = None
    on: str = "wiener"
    output: str = ""

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        require_spectrum("on", self.on, (*SPECTRA, ALONE))
        require_tensor("output", self.output)
        if self.floor_db is not None and not self.floor_db < 0:
            raise StapesError(f"floor_db {self.floor_db}: give a negative number of dB, or leave it out")

    @property
    def reads(self) -> tuple[str, ...]:
        filtered = () if self.on == ALONE else ("gain_q15", "clarity_q15")
        return ("spectrum_q31", *filtered, "mask_q15")

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (
            Quantity("mask_q15", "int16", ("F",), "mask * 2^15", "0 .. 32767", "asked", (0, 2**15 - 1), self.output),
            Quantity(
                "total_gain_q31", "int32", (), "gain * max(mask, floor, clarity * gain) * 2^31", "2^31 - 1", "inside"
            ),
            Quantity("filtered", "int32", ("F", 2), "spectrum_q31 * total gain * 2", "2^32 / pi"),
        )

    @property
    def floor(self) -> float:
        """Smallest effective mask, an amplitude factor; 0 without a floor."""
        return 0.0 if self.floor_db is None else 10.0 ** (self.floor_db / 20.0)

    def under(self, gain: np.ndarray) -> np.ndarray:
        """The gain that the mask multiplies, of the shape of the Wiener gain: that gain, or ones."""
        return gain if self.on == "wiener" else np.ones_like(gain)

    def floor_under(self, gain: np.ndarray, clarity: np.ndarray) -> np.ndarray:
        """What the mask does not go below, of the shape of the Wiener gain (..., F); clarity (...)."""
        result: np.ndarray = np.maximum(self.floor, clarity[..., None] * gain)
        return result

    def in_training(self, mask: Tensor, under: Tensor) -> Tensor:
        """The factor of the spectrum, differentiable: mask, and the gain under it (B, T, F)."""
        # Straight through: a mask under its floor must still learn to rise.
        return under * (mask + (mask.clamp(min=self.floor) - mask).detach())

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _Mask(self)


class _Mask(Pointwise):
    def __init__(self, settings: Mask) -> None:
        self.settings = settings

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum, mask (..., F), and gain (..., F), clarity (...) where they are read -> filtered (..., F); without a mask by the gain alone."""
        spectrum = values["spectrum"]
        if self.settings.on == ALONE:
            return {"filtered": spectrum * np.maximum(values.get("mask", 1.0), self.settings.floor)}
        gain = values["gain"]
        if "mask" not in values:
            return {"filtered": spectrum * gain}
        mask = np.maximum(values["mask"], self.settings.floor_under(gain, values["clarity"]))
        return {"filtered": spectrum * (self.settings.under(gain) * mask)}
