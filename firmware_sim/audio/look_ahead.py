"""The spectrum of some frames ago, and the frames around it as taps; twin of `stapes_look_ahead.c`.

B utterances, F bins, K bins of the taps. The C keeps the frames in two rings; here they are lists, oldest first.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.look_ahead import Params
from .scalar import round_right
from .twin import IntegerStage, Values

# That of a silent frame, which nothing is aligned to.
LARGEST_EXPONENT = 15


class Twin(IntegerStage):
    """All known frames are brought to the least of their exponents, so that a louder one has room."""

    work: ClassVar = {"stapes_look_ahead": "look-ahead"}
    params: Params

    def reset(self) -> None:
        """The frames before the start are zero."""
        p = self.params
        self.known_q31 = [np.zeros((self.batch, p.bins, 2), np.int64)] * (p.past + p.frames)
        self.exponents = [np.full(self.batch, LARGEST_EXPONENT, np.int64)] * (p.past + p.frames)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum_q31 (B, F, 2), exponent (B,) -> spectrum_q31 of `frames` frames ago, exponent of all, taps_q31 (B, order, K, 2)."""
        p = self.params
        known = [*self.known_q31, np.asarray(values["spectrum_q31"], np.int64)]
        exponents = [*self.exponents, values["exponent"]]
        self.known_q31, self.exponents = known[1:], exponents[1:]
        least = np.min(exponents, axis=0)
        aligned = [
            round_right(frame, (own - least)[:, None, None]) for frame, own in zip(known, exponents, strict=True)
        ]
        made = {"spectrum_q31": aligned[p.past], "exponent": least}
        if p.tap_bins:
            made["taps_q31"] = np.stack([frame[:, : p.tap_bins] for frame in aligned], axis=1)
        return made
