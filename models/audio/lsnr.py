"""What a stage has in common that works only while the network says that speech and noise stand in a certain ratio."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import StapesError
from .stage import Quantity, Stage, Values, require_tensor

_LARGEST_DB = 127.0


@dataclass(frozen=True)
class LsnrRange(Stage):
    """`lsnr_min_db`, `lsnr_max_db`: where the stage works; None is no limit. `lsnr_output`: the network's output that tells the SNR in dB.

    Without a limit the network is not asked for it.
    """

    lsnr_min_db: float | None = None
    lsnr_max_db: float | None = None
    lsnr_output: str = "lsnr"

    def __post_init__(self) -> None:
        require_tensor("lsnr_output", self.lsnr_output)
        for name in ("lsnr_min_db", "lsnr_max_db"):
            value = getattr(self, name)
            if value is not None and not abs(value) <= _LARGEST_DB:
                raise StapesError(f"{name} {value}: give {-_LARGEST_DB:g} to {_LARGEST_DB:g}, or leave it out")
        if self.asks_lsnr and self.lsnr_limits[0] > self.lsnr_limits[1]:
            raise StapesError(
                f"lsnr_min_db {self.lsnr_min_db:g} is above lsnr_max_db {self.lsnr_max_db:g}: the stage would never work; swap them"
            )

    @property
    def asks_lsnr(self) -> bool:
        return self.lsnr_min_db is not None or self.lsnr_max_db is not None

    @property
    def lsnr_limits(self) -> tuple[float, float]:
        """Both limits in dB; those that are not set lie beyond every value."""
        low = -_LARGEST_DB - 1 if self.lsnr_min_db is None else self.lsnr_min_db
        return low, _LARGEST_DB + 1 if self.lsnr_max_db is None else self.lsnr_max_db

    @property
    def lsnr(self) -> tuple[Quantity, ...]:
        """What is asked of the network, if it is."""
        limits = (-(2**15), 2**15 - 1)
        asked = Quantity(
            "lsnr_q8", "int16", (1,), "local SNR in dB * 2^8", "all of int16", "asked", limits, self.lsnr_output
        )
        return (asked,) if self.asks_lsnr else ()

    def above_and_below(self, values: Values) -> tuple[np.ndarray, np.ndarray]:
        """Whether the SNR is above the upper limit, and whether it is below the lower one, (..., 1); never where it is not known."""
        if "lsnr" not in values:
            return np.zeros(1, bool), np.zeros(1, bool)
        low, high = self.lsnr_limits
        return values["lsnr"] > high, values["lsnr"] < low
