"""From observed values to a range: min/max, percentile, or the clipping that costs the least squared error."""

from __future__ import annotations

import numpy as np

BINS = 8192
SHRINK = np.linspace(0.25, 1.0, 61)
# One end by itself may shrink further: a rectifier makes little of its negative values.
SHRINK_ONE = np.geomspace(0.02, 1.0, 50)
ROUNDS = 2


def observed_range(
    values: np.ndarray,
    method: str,
    levels: int,
    symmetric: bool,
    percentile: float = 99.99,
    extremes: tuple[float, float] | None = None,
    slope: float = 1.0,
) -> tuple[float, float]:
    """The real range (low <= 0 <= high) that an integer format should cover.

    `values`: any shape; `levels`: number of codes (256 or 65536); `symmetric`: zero point 0, range +-max.
    `percentile` is two-sided: 99.99 leaves 0.005 % outside on each side. `extremes`: the least and the largest value,
    where `values` are only a sample. `slope`: what a rectifier, the only reader, makes of negative values.
    """
    ends = extremes or (float(values.min()), float(values.max()))
    low, high = min(ends[0], 0.0), max(ends[1], 0.0)
    if symmetric:
        high = max(-low, high)
        low = -high
    if method == "minmax" or high == low:
        return low, high
    if method == "percentile":
        tail = (100.0 - percentile) / 2.0
        cut = np.percentile(values, (tail, 100.0 - tail))
        low, high = min(float(cut[0]), 0.0), max(float(cut[1]), 0.0)
        return (-max(-low, high), max(-low, high)) if symmetric else (low, high)
    return _least_squares(values, low, high, levels, symmetric, slope)


def _least_squares(
    values: np.ndarray, low: float, high: float, levels: int, symmetric: bool, slope: float
) -> tuple[float, float]:
    """The shrunken range with the least squared error of clipping plus rounding, over a histogram of the values.

    Both ends shrink together first, then each by itself in turn. The error is counted behind a rectifier with `slope` for
    negative values, if that is what reads them.
    """
    counts, edges = np.histogram(values, bins=BINS, range=(low, high))
    used = counts > 0
    counts, centres = counts[used], ((edges[:-1] + edges[1:]) / 2)[used]
    weights = counts * np.where(centres < 0, slope, 1.0) ** 2

    def cost(a: float, b: float) -> float:
        step = (b - a) / (levels - 1)
        rounded = np.clip(np.round(centres / step), np.round(a / step), np.round(b / step)) * step
        return float(weights @ (centres - rounded) ** 2)

    best = min(((low * shrink, high * shrink) for shrink in SHRINK), key=lambda ends: cost(*ends))
    if symmetric:
        return best
    for _ in range(ROUNDS):
        best = min(
            ((low * shrink, best[1]) for shrink in (*SHRINK_ONE, best[0] / low if low else 0.0)), key=lambda e: cost(*e)
        )
        best = min(
            ((best[0], high * shrink) for shrink in (*SHRINK_ONE, best[1] / high if high else 0.0)),
            key=lambda e: cost(*e),
        )
    return best


def saturated_fraction(values: np.ndarray, scale: float, zero_point: int, limits: tuple[int, int]) -> float:
    """Which part of the values lies outside of a format by more than a step: 1.0 in a format that ends one step below does not."""
    low, high = ((limit - zero_point) * scale for limit in limits)
    slack = scale * 1.001
    return float(np.mean((values < low - slack) | (values > high + slack)))
