"""Which features a file makes of its spectrum, found by what they are, not by how they are written.

F bins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ...models.audio.complex import Complex
from ...models.audio.log_magnitude import LogMagnitude
from ...models.audio.stage import Stage
from ...models.audio.transform import Transform
from ...models.errors import StapesError

# Relative to the largest; float32 in another order of computing differs by some 1e-6.
NEAR = 1e-4
_DIGITS = 6

# One frame (F, 2) -> the value of a graph, flat.
Computed = Callable[[np.ndarray], np.ndarray]


def stage_of(computed: Computed, frames: Sequence[np.ndarray]) -> Stage | None:
    """The stage that makes what a file computes of spectra (F, 2), judged by some `frames`; None where no stage does."""
    bins = len(frames[0])
    for stage in (_log_magnitude(computed, bins), Complex()):
        if stage is not None and all(_same(_expected(stage, frame), computed(frame)) for frame in frames):
            return stage
    return None


def _expected(stage: Stage, frame: np.ndarray) -> np.ndarray:
    """What a stage without a memory makes of one spectrum, whatever the transform was."""
    spectrum = frame[:, 0] + 1j * frame[:, 1]
    return stage.start(Transform(), 1).step({"spectrum": spectrum})["features"]


def _same(expected: np.ndarray, made: np.ndarray) -> bool:
    if expected.size != made.size or not np.all(np.isfinite(made)):
        return False
    largest = max(float(np.abs(expected).max()), 1e-9)
    return bool(np.abs(expected - np.ravel(made)).max() <= NEAR * largest)


def _log_magnitude(computed: Computed, bins: int) -> LogMagnitude | None:
    """Base and floor, read off silence and a spectrum of tens."""
    silent, loud = (np.zeros((bins, 2)) for _ in range(2))
    loud[:, 0] = 10.0
    low, high = (np.ravel(computed(frame)).astype(np.float64) for frame in (silent, loud))
    if low.size != bins or not (np.all(np.isfinite([low, high])) and np.ptp(low) == np.ptp(high) == 0 and high[0] > 0):
        return None
    base = math.exp(math.log(10.0) / high[0])
    try:
        return LogMagnitude(base=_rounded(base), floor=_rounded(base ** low[0]))
    except (StapesError, OverflowError):
        return None


def _rounded(value: float) -> float:
    """What was meant by a number that went through float32.

    >>> _rounded(9.99999996e-13)
    1e-12
    """
    return float(f"{value:.{_DIGITS}g}")
