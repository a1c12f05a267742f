"""Tables for a function of one value between two formats.

An example, in int16. The 65,536 codes of x are cut into 257 cells of 256 codes. In each the function is a straight line: a value at the
middle of the cell, and a slope. The code 1,000 lies in cell 4, 24 codes left of its middle at 1,024:

    y = base[4] - 24 * slope[4]

A logarithm bends too much near zero for one table. It is then the sum of up to three. The second sees x fifteen times larger, saturated
at the edge of the ninth cell: inside it does all the work, and the first one is constant; outside it is the second that is constant.

How many tables there are follows from the formats: as few as bring the result within two codes, else as bring it nearest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..arithmetic import quantize_multiplier, requantise_double
from .functions import Settings, evaluate

CELLS, CELL = 257, 256
LARGEST = 2**15 - 1
MOST_LEVELS = 3
# Cells on either side of the middle one that the next table takes over, and the codes that they hold.
INNER_CELLS = 8
INNER_CODES = (2 * INNER_CELLS + 1) * CELL // 2
# What is no more than this from the function, in codes, needs no further table.
CLOSE = 2.0
# What is further away may be so as sums of tables leave int16.
FAR = 64.0
_CODES = np.arange(-(2**15), 2**15, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Level:
    """One table: `scale` is that of x as it sees it; base and slope int16 (257,), the slope in steps of `slope_scale`."""

    scale: np.float32
    base: np.ndarray
    slope: np.ndarray
    slope_scale: np.float32


@dataclass(frozen=True, eq=False)
class Curve:
    """Tables whose sum is the function; their values have the scale `sum_scale`, the result's or twice that."""

    levels: tuple[Level, ...]
    sum_scale: np.float32


def int8_table(name: str, settings: Settings, x: tuple[float, int], y: tuple[float, int]) -> np.ndarray:
    """The code of y for each code of x, int8 (256,); formats are (scale, zero point)."""
    codes = np.arange(-128, 128)
    real = evaluate(name, settings, (codes - x[1]) * np.float64(np.float32(x[0])))
    return np.clip(np.round(real / np.float64(np.float32(y[0]))) + y[1], -128, 127).astype(np.int8)


def fit_curve(name: str, settings: Settings, x_scale: float, y_scale: float) -> Curve:
    """Tables for int16 with these scales."""
    return _best(name, tuple(sorted(settings.items())), x_scale, y_scale)


# Formats are tried several times, until no sum overflows.
@lru_cache(maxsize=256)
def _best(name: str, settings: tuple[tuple[str, object], ...], x_scale: float, y_scale: float) -> Curve:
    step = np.float64(np.float32(y_scale))
    wanted = np.clip(
        evaluate(name, dict(settings), _CODES * np.float64(np.float32(x_scale))) / step, -LARGEST - 1, LARGEST
    )
    best, least, error = None, np.inf, np.inf
    for levels in range(1, MOST_LEVELS + 1):
        for doubled in (False, True):
            # Twice the step only where the tables would saturate otherwise.
            if doubled and (levels == 1 or error < FAR):
                continue
            curve = _fit(wanted, np.float32(x_scale), np.float32(y_scale), levels, doubled)
            error = float(np.abs(run(curve, np.float32(x_scale), np.float32(y_scale)) - wanted).max())
            # A table more costs time: it has to bring something.
            if error < 0.8 * least:
                best, least = curve, error
        if least <= CLOSE:
            break
    assert best is not None
    return best


def run(curve: Curve, x_scale: np.float32, y_scale: np.float32) -> np.ndarray:
    """What the operators of a curve give for every code of x, int64 (65536,)."""
    total: np.ndarray | None = None
    for level in curve.levels:
        value = _run_level(level, x_scale, curve.sum_scale)
        total = value if total is None else _saturated(total + value)
    assert total is not None
    return _saturated(total * (2 if curve.sum_scale > y_scale else 1))


def _saturated(codes: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.clip(codes, -LARGEST - 1, LARGEST)
    return result


def _cells(x_scale: np.float32, scale: np.float32) -> tuple[np.ndarray, np.ndarray]:
    """Cell 0 ... 256 of every code of x in a table of this scale, and how far it lies from the cell's middle."""
    fine = _saturated(requantise_double(_CODES, *quantize_multiplier(np.float64(x_scale) / np.float64(scale))))
    cells = requantise_double(fine, *quantize_multiplier(1.0 / CELL))
    return cells + CELLS // 2, fine - _saturated(cells * CELL)


def _run_level(level: Level, x_scale: np.float32, sum_scale: np.float32) -> np.ndarray:
    cells, offset = _cells(x_scale, level.scale)
    multiplier = np.float64(level.scale) * np.float64(level.slope_scale) / np.float64(sum_scale)
    product = _saturated(
        requantise_double(offset * level.slope[cells].astype(np.int64), *quantize_multiplier(multiplier))
    )
    return _saturated(level.base[cells].astype(np.int64) + product)


def _fit(wanted: np.ndarray, x_scale: np.float32, y_scale: np.float32, levels: int, doubled: bool) -> Curve:
    sum_scale = np.float32(y_scale * np.float32(2)) if doubled else y_scale
    found = _fit_levels(wanted / 2.0 if doubled else wanted, x_scale, x_scale, sum_scale, levels)
    return Curve(tuple(found), sum_scale)


def _fit_levels(
    target: np.ndarray, x_scale: np.float32, scale: np.float32, sum_scale: np.float32, levels: int
) -> list[Level]:
    """Tables for a target in codes of the sum, one for every code of x; the first has the scale given."""
    if levels == 1:
        return [_fit_level(target, x_scale, scale, sum_scale)]
    cells, _ = _cells(x_scale, scale)
    inside = np.flatnonzero(np.abs(cells - CELLS // 2) <= INNER_CELLS)
    first, last = int(inside[0]), int(inside[-1])
    if first == 0 or last == len(target) - 1:
        return [_fit_level(target, x_scale, scale, sum_scale)]
    # Constant beyond its edges, and the coarse table constant between them: both are continuous.
    edges = target[first - 1], target[last + 1]
    inner = np.concatenate([np.full(first, edges[0]), target[inside], np.full(len(target) - last - 1, edges[1])])
    middle = _middle(target, inner)
    finer = np.float32(np.float64(scale) * INNER_CODES / 2**15)
    fine = _fit_levels(inner - middle, x_scale, finer, sum_scale, levels - 1)
    done = sum(_run_level(level, x_scale, sum_scale) for level in fine)
    rest = np.where((np.arange(len(target)) < first) | (np.arange(len(target)) > last), target - done, middle)
    return [_fit_level(rest, x_scale, scale, sum_scale), *fine]


def _middle(target: np.ndarray, inner: np.ndarray) -> float:
    """What the coarse table gives inside, so that neither table leaves its range, if it can be."""

    rest = target - inner
    ends = (float(inner.min()), float(inner.max())), (float(rest.min()), float(rest.max()))

    def reach(middle: float) -> float:
        return max(abs(end + sign * middle) for pair, sign in zip(ends, (-1.0, 1.0), strict=True) for end in pair)

    return min((float(middle) for middle in np.linspace(-LARGEST, LARGEST, 129)), key=reach)


def _fit_level(target: np.ndarray, x_scale: np.float32, scale: np.float32, sum_scale: np.float32) -> Level:
    """In each cell the line of least squares, moved so that its largest errors up and down are equal."""
    cells, offset = _cells(x_scale, scale)
    count = np.bincount(cells, minlength=CELLS)
    filled = np.maximum(count, 1)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(cells, values, CELLS) / filled

    at, value = mean(offset), mean(target)
    spread = mean(offset.astype(np.float64) ** 2) - at**2
    slope = np.where(spread > 0, (mean(offset * target) - at * value) / np.where(spread > 0, spread, 1.0), 0.0)
    error = target - slope[cells] * offset
    base = _between(cells, error, count)
    # Where the table saturates it holds its last value, by which its last cells are anchored.
    for cell, edge in ((0, 0), (CELLS - 1, len(target) - 1)):
        where = np.flatnonzero(cells == cell)
        if len(where) > 1 and scale < x_scale:
            base[cell] = target[edge]
            there = offset[where].astype(np.float64)
            power = float((there**2).sum())
            slope[cell] = float((there * (target[where] - base[cell])).sum()) / power if power else 0.0
    codes, slope_scale = _slope_codes(slope, scale, sum_scale)
    return Level(scale, _saturated(np.round(base)).astype(np.int16), codes, slope_scale)


def _between(cells: np.ndarray, error: np.ndarray, count: np.ndarray) -> np.ndarray:
    low, high = np.full(CELLS, np.inf), np.full(CELLS, -np.inf)
    np.minimum.at(low, cells, error)
    np.maximum.at(high, cells, error)
    return np.where(count > 0, (np.where(count > 0, low, 0.0) + np.where(count > 0, high, 0.0)) / 2.0, 0.0)


def _slope_codes(slope: np.ndarray, scale: np.float32, sum_scale: np.float32) -> tuple[np.ndarray, np.float32]:
    """Slopes in codes of the sum a code of x -> int16 codes and their scale."""
    # A cell of 256 codes that crosses all of int16 is as steep as anything gets.
    slope = np.clip(slope, -(2.0**9), 2.0**9)
    largest = max(float(np.abs(slope).max()), 2.0**-15)
    real = largest * np.float64(sum_scale) / np.float64(scale) / LARGEST
    slope_scale = np.float32(real)
    unit = np.float64(slope_scale) * np.float64(scale) / np.float64(sum_scale)
    return np.clip(np.round(slope / unit), -LARGEST, LARGEST).astype(np.int16), slope_scale
