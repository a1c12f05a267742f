"""Stage `unit_spectrum`: the lowest bins of the spectrum over the running mean of their magnitudes, the second input of DeepFilterNet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .running_mean import RunningMean, decay, require_seconds
from .sound_level import LEAST_OCTAVES
from .stage import FloatStage, Quantity, Stage, Values, require_bins, require_tensor
from .transform import Transform

FIRST, LAST = 1e-3, 1e-4
FORMS = ("root", "mean", "level")
# Features in Q20 stay below 2^30.
_LARGEST = 2**10


@dataclass(frozen=True)
class UnitSpectrum(Stage):
    """X / N of the lowest `bins` bins, over what `form` says of u, the running mean of abs(X / N), which begins at 0.001 in the lowest bin and at
    0.0001 in the highest; its `time_constant` is in s. `input`: the network's input that they are, real parts, then imaginary ones.

    "root": over sqrt(u), as the weights of DeepFilterNet3 were trained; g times the sound gives sqrt(g) times the features.
    "mean": over u, the formula of the paper; g times the sound gives the same features.
    "level": over sqrt(u) and times g^(-1/2), g the level of the sound as the stage `sound_level` tells it; for weights trained with
    "root", whose features it keeps at the usual level for soft and loud sound alike. u begins with the first frame that is not
    silent, and its start is g times that of the others.
    Schroeter et al., DeepFilterNet (2022), equation 2.
    """

    kind: ClassVar[str] = "unit_spectrum"
    traced: ClassVar[tuple[str, ...]] = ("unit_mean_q31", "feat_spec_q20")

    bins: int = 96
    form: str = "root"
    time_constant: float = 1.0
    input: str = "feat_spec"

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if self.bins < 2:
            raise StapesError(f"bins {self.bins}: give at least 2")
        if self.form not in FORMS:
            raise StapesError(f"form {self.form[:40]!r}: unknown; give one of {', '.join(FORMS)}")
        require_seconds("time_constant", self.time_constant)
        require_tensor("input", self.input)

    def check(self, transform: Transform) -> None:
        require_bins("bins", self.bins, transform)
        rate = 1.0 - decay(transform, self.time_constant)
        largest = 1.0 + (1.0 / rate if self.form == "mean" else 1.0 / math.sqrt(rate))
        if largest * (2.0 ** (-LEAST_OCTAVES / 4.0) if self.form == "level" else 1.0) > _LARGEST:
            raise StapesError(
                f"time_constant {self.time_constant}: an onset after silence would leave the format of the features; give a shorter one"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        return ("spectrum_q31", "exponent", *(("loud_q16", "sound_begins") if self.form == "level" else ()))

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (
            Quantity(
                "unit_mean_q31",
                "int32",
                (self.bins,),
                "running mean of abs(X / N) * 2^31",
                "1 .. 2^31 - 1",
                "state",
            ),
            Quantity(
                "feat_spec_q20",
                "int32",
                (2, self.bins),
                "X / N over the root of its mean, or over the mean, * 2^20; real, then imaginary parts",
                "2^30: an onset after silence",
                "features",
                (-(2**30), 2**30),
                self.input,
            ),
        )

    @property
    def sizes(self) -> dict[str, int]:
        return {"BINS": self.bins}

    @property
    def start_mean(self) -> np.ndarray:
        """What the mean begins at, (bins,)."""
        return np.linspace(FIRST, LAST, self.bins)

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _UnitSpectrum(self, transform, batch)


class _UnitSpectrum(FloatStage):
    """State: the running mean."""

    takes = ("spectrum", "loud", "sound_begins")

    def __init__(self, settings: UnitSpectrum, transform: Transform, batch: int) -> None:
        self.settings, self.points = settings, transform.analysis
        self.mean = RunningMean(settings.start_mean, decay(transform, settings.time_constant), batch)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum (B, F) complex, unnormalised; loud, sound_begins (B,) where they are read -> feat_spec (B, 2 bins), real, then imaginary parts."""
        spectrum = values["spectrum"][:, : self.settings.bins] / self.points
        factor = np.ones((len(spectrum), 1))
        if self.settings.form == "level":
            # loud is of power: the root of the amplitude is a quarter of it.
            factor = 2.0 ** (-values["loud"][:, None] / 4.0)
            start = self.settings.start_mean * factor**-2
            self.mean.mean = np.where(values["sound_begins"][:, None], start, self.mean.mean)
        mean = self.mean.move(np.abs(spectrum))
        unit = spectrum * factor / (mean if self.settings.form == "mean" else np.sqrt(mean))
        return {"feat_spec": np.concatenate([unit.real, unit.imag], axis=-1)}
