"""Constants of the stage `post_filter`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...models.audio.post_filter import PostFilter
from ...models.audio.transform import Transform
from .c_struct import Int32, Int32s
from .rounding import rounded
from .transform_formats import transform_formats

# The series of sin(pi g / 2)^2 in v = g^2 is that of (1 - cos(pi sqrt(v))) / 2: no root is taken. Eight terms are right to 7e-8 up to v = 1.
TERMS = 8


@dataclass(frozen=True, eq=False)
class Params:
    """Number of bins; `filtered` is 2^filtered_shift times what shall sound; beta and 1 + beta; the terms behind v, from the last."""

    c_name: ClassVar[str] = "stapes_post_filter_params"

    bins: Int32
    filtered_shift: Int32
    beta_q28: Int32
    above_q30: Int32
    terms: Int32
    series_q28: Int32s


def params(settings: PostFilter, transform: Transform) -> Params:
    """Constants of strength and series."""
    terms = [(-1.0) ** (k + 1) * math.pi ** (2 * k) / (2 * math.factorial(2 * k)) for k in range(TERMS, 0, -1)]
    return Params(
        bins=transform.bins,
        filtered_shift=transform_formats(transform).filtered_shift,
        beta_q28=rounded(settings.beta * 2.0**28),
        above_q30=rounded((1.0 + settings.beta) * 2.0**30),
        terms=TERMS,
        series_q28=np.array([rounded(term * 2.0**28) for term in terms], np.int32),
    )
