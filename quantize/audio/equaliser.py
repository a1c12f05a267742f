"""Constants of the stage `equaliser`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...models.audio.equaliser import Equaliser
from ...models.audio.transform import Transform
from ...models.errors import StapesError
from .c_struct import Int32, Int32s
from .rounding import rounded

ONE_Q30 = 1 << 30
# Samples between sections have 31 bits, so that a sum of products stays within 64 where the magnitudes of its coefficients add up to less than this.
MOST_SUM = 8.0
# The sound is made softer by so many bits at most before it is lifted again; 60 dB of gain need 11.
MOST_LIFT = 12


@dataclass(frozen=True, eq=False)
class Params:
    """Samples of a hop, number of sections (K), left shift behind the last one; b0, b1, b2, -a1, -a2 of each (K, 5)."""

    c_name: ClassVar[str] = "stapes_equaliser_params"

    hop: Int32
    sections: Int32
    lift: Int32
    coefficients_q30: Int32s


def params(settings: Equaliser, transform: Transform) -> Params:
    """Raises StapesError for sections that integers cannot hold, or that rounding makes unstable."""
    design = settings.design(transform.sample_rate)
    shifts = [_shift(section) for section in design]
    lift = sum(shifts)
    if lift > MOST_LIFT:
        raise StapesError(
            f"equaliser: its sections lift the sound by 2^{lift} in all; give smaller gains, 2^{MOST_LIFT} is the most"
        )
    made = np.stack([_rounded(section, shift) for section, shift in zip(design, shifts, strict=True)])
    for place, (_, _, _, a1, a2) in enumerate(made.tolist()):
        if not (abs(a2) < ONE_Q30 and abs(a1) < ONE_Q30 - a2):
            raise StapesError(
                f"equaliser: sections[{place}]: its poles are too near to the unit circle for 32 bits; give a smaller q or a higher frequency"
            )
    made.flags.writeable = False
    return Params(transform.hop, len(made), lift, made)


def _shift(section: np.ndarray) -> int:
    """Bits by which b0, b1, b2 are made smaller, so that each is below 2 and the sum of all magnitudes below MOST_SUM."""
    ahead, back = np.abs(section[:3]), float(np.abs(section[3:]).sum())
    shift = 0
    while float(ahead.max()) >= 2.0 or float(ahead.sum()) + back >= MOST_SUM:
        ahead, shift = ahead / 2.0, shift + 1
    return shift


def _rounded(section: np.ndarray, shift: int) -> np.ndarray:
    """b0, b1, b2 over 2^shift and -a1, -a2 in Q30, int32 (5,)."""
    exact = [*(float(b) * 2.0 ** (30 - shift) for b in section[:3]), *(float(-a) * 2.0**30 for a in section[3:])]
    return np.array([min(rounded(value), 2**31 - 1) for value in exact], np.int64).astype(np.int32)
