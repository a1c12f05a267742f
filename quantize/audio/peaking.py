"""Constants by which a device makes the coefficients of a peak from its frequency, gain and Q."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...models.audio.steered_equaliser import HIGHEST_PART
from ...models.audio.transform import Transform
from .c_struct import Int32, Int32s
from .rounding import rounded

# Of the series of sine and cosine of pi / 2 * u, in u^2 up to 1: right to 1e-8.
TERMS = 7
# log2 of the square root of a gain of one dB, * 2^32.
ROOT_OCTAVES_Q32 = rounded(math.log2(10.0) / 40.0 * 2.0**32)


@dataclass(frozen=True, eq=False)
class PeakingTables:
    """log2 of half of the rate and of the highest frequency, in Hz; the series of sin(pi / 2 * u) / u and of cos(pi / 2 * u), the last term first."""

    c_name: ClassVar[str] = "stapes_peaking_tables"

    half_rate_q16: Int32
    highest_q16: Int32
    terms: Int32
    sine_q29: Int32s
    cosine_q29: Int32s


def peaking_tables(transform: Transform) -> PeakingTables:
    """Those of the path's rate."""
    rate, half_pi = transform.sample_rate, math.pi / 2.0
    sine = [(-1.0) ** k * half_pi ** (2 * k + 1) / math.factorial(2 * k + 1) for k in range(TERMS)]
    cosine = [(-1.0) ** k * half_pi ** (2 * k) / math.factorial(2 * k) for k in range(TERMS)]
    return PeakingTables(
        half_rate_q16=rounded(math.log2(rate / 2.0) * 2.0**16),
        highest_q16=math.floor(math.log2(HIGHEST_PART * rate) * 2.0**16),
        terms=TERMS,
        sine_q29=_series(sine),
        cosine_q29=_series(cosine),
    )


def _series(terms: list[float]) -> np.ndarray:
    made = np.array([rounded(term * 2.0**29) for term in reversed(terms)], np.int32)
    made.flags.writeable = False
    return made
