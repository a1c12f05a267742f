"""From the filtered spectrum to a hop of samples in 32 bits; twin of `stapes_wide_inverse.c`.

B utterances, F bins.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.wide_inverse import LOUDEST_Q25
from . import inverse
from .twin import Values


class Twin(inverse.Twin):
    """As `inverse`, without its last rounding; saturated; 22 bits of fraction become 25."""

    work: ClassVar = {"stapes_wide_inverse": "overlap-add", "stapes_wide_mixed_inverse": "overlap-add"}

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """filtered (B, F, 2), exponent (B,) -> sound_q25 (B, hop)."""
        total, fraction_bits = self.overlap_add(values)
        left = inverse.FRACTION_BITS - fraction_bits
        largest = LOUDEST_Q25 >> left
        return {"sound_q25": np.clip(total, -largest, largest) << left}
