"""A running mean over frames; twin of `stapes_running_mean.h`."""

from __future__ import annotations

import numpy as np


def move(mean: np.ndarray, value: np.ndarray, rate_q31: np.ndarray | int) -> np.ndarray:
    """mean + (value - mean) * rate, rounded, half upwards, as int64."""
    return mean + (((value - mean) * rate_q31 + (1 << 30)) >> 31)
