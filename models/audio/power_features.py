"""What the features of a power have in common: which spectrum they describe, and whether the Wiener gains stand behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import StapesError
from .stage import Quantity, Stage, Values, require_tensor

SPECTRA = ("wiener", "noisy")


def require_spectrum(setting: str, value: str, known: tuple[str, ...] = SPECTRA) -> None:
    """Raise StapesError for what is none of the `known`."""
    if value not in known:
        raise StapesError(f"{setting} {value[:40]!r}: unknown; give one of {', '.join(known)}")


@dataclass(frozen=True)
class PowerFeatures(Stage):
    """`of`: the features describe the output of the Wiener filter, or the noisy spectrum; `gain_input`: its gains stand behind them.

    `input`: the network's input that they are, "" for its only one.
    """

    of: str = "wiener"
    gain_input: bool = False
    input: str = ""

    def __post_init__(self) -> None:
        require_spectrum("of", self.of)
        require_tensor("input", self.input)

    @property
    def reads(self) -> tuple[str, ...]:
        gain2 = ("gain2_q30",) if self.of == "wiener" else ()
        return ("power_q40", *gain2, *(("gain_q15",) if self.gain_input else ()))

    def features(self, per_frame: int | str, bound: str, limit: int) -> Quantity:
        """features_q20: `per_frame` values and, where they are asked for, as many gains; below `limit` in both directions."""
        return Quantity(
            "features_q20",
            "int32",
            (2, per_frame) if self.gain_input else (per_frame,),
            "feature * 2^20; with gain_input the gains behind them",
            bound,
            "features",
            (-max(limit, 2**20), max(limit, 2**20)),
            self.input,
        )

    def power_of(self, values: Values) -> np.ndarray:
        """The power that the features describe, (..., F)."""
        return values["power"] * values["gain"] ** 2 if self.of == "wiener" else values["power"]

    def with_gains(self, features: np.ndarray, gain: np.ndarray | None) -> np.ndarray:
        """The features, and behind them the gains if they are asked for."""
        return features if gain is None else np.concatenate([features, gain], axis=-1)
