"""How constants are rounded to integers."""

from __future__ import annotations

import math

import numpy as np

from ..arithmetic import INT32_MAX


def rounded(value: float) -> int:
    """Nearest integer, halves away from zero."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def to_q31(values: np.ndarray, rounding: float = 0.5) -> np.ndarray:
    """floor(values * 2^31 + rounding), 1.0 becomes 2^31 - 1."""
    table = np.minimum(np.floor(values * 2.0**31 + rounding), INT32_MAX).astype(np.int32)
    table.flags.writeable = False
    return table
