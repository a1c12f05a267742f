"""Stage `look_ahead`: the spectrum of some frames ago for all stages behind it, as the network has heard what came after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .stage import FloatStage, Quantity, Stage, Values, require_bins
from .transform import Transform

MOST_FRAMES = 16


@dataclass(frozen=True)
class LookAhead(Stage):
    """`frames`: how many frames of the future the network has heard. The sound is late by as many hops.

    `bins`: the first bins of `past` frames before that one, of itself and of the `frames` after it are the taps of a deep filter;
    0 where there is none.

    With frames = 2, past = 2, at frame t: spectrum = frame t - 2, taps = frames t - 4, t - 3, t - 2, t - 1, t.
    """

    kind: ClassVar[str] = "look_ahead"
    replaces: ClassVar[tuple[str, ...]] = ("spectrum_q31", "exponent")

    frames: int = 2
    past: int = 2
    bins: int = 96

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        for name in ("frames", "past", "bins"):
            if getattr(self, name) < 0:
                raise StapesError(f"{name} {getattr(self, name)}: give 0 or more")
        if not 2 <= self.order <= MOST_FRAMES:
            raise StapesError(
                f"frames {self.frames} and past {self.past}: give 1 to {MOST_FRAMES - 1} together, or leave look_ahead out"
            )
        if self.past and not self.bins:
            raise StapesError(f"past {self.past}: these frames are for a deep filter; give its bins, or past = 0")

    def check(self, transform: Transform) -> None:
        require_bins("bins", self.bins, transform)

    @property
    def order(self) -> int:
        """Frames that are known in all."""
        return self.past + 1 + self.frames

    @property
    def delay_frames(self) -> int:
        return self.frames

    @property
    def reads(self) -> tuple[str, ...]:
        return ("spectrum_q31", "exponent")

    @property
    def sizes(self) -> dict[str, int]:
        return {"AHEAD": self.frames, "PAST": self.past, "KNOWN": self.frames + self.past, "TAP_BINS": self.bins}

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        taps = (
            Quantity(
                "taps_q31",
                "int32",
                (self.order, self.bins, 2),
                "spectrum_q31 of the known frames, oldest first",
                "2^31 / pi",
            ),
        )
        return (
            Quantity(
                "ahead_q31", "int32", (self.frames, "F", 2), "spectrum_q31 of the last frames", "2^31 / pi", "state"
            ),
            Quantity("past_q31", "int32", (self.past, self.bins, 2), "that of older ones", "2^31 / pi", "state"),
            Quantity("exponents", "int32", (self.order - 1,), "exponent of each of them", "0 .. 15", "state"),
            *(taps if self.bins else ()),
            Quantity("exponent", "int32", (), "the least of the known frames, to which all are aligned", "0 .. 15"),
            Quantity("spectrum_q31", "int32", ("F", 2), "that of `frames` frames ago", "2^31 / pi"),
        )

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _LookAhead(self, transform, batch)


class _LookAhead(FloatStage):
    """State: the frames before the present one, oldest first (B, order - 1, F); those before the start are zero."""

    takes = ("spectrum",)

    def __init__(self, settings: LookAhead, transform: Transform, batch: int) -> None:
        self.settings = settings
        self.known = np.zeros((batch, settings.order - 1, transform.bins), np.complex128)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum (B, F) complex -> spectrum (B, F) of `frames` frames ago, taps (B, order, bins)."""
        known = np.concatenate([self.known, values["spectrum"][:, None]], axis=1)
        self.known = known[:, 1:]
        return {"spectrum": known[:, self.settings.past], "taps": known[:, :, : self.settings.bins]}
