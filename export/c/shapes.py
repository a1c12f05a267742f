"""Loops over tensors: how an operator walks through memory, with as few dimensions as it takes.

`D` is the number of dimensions that a kernel loops over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...models.errors import StapesError

D = 4


@dataclass(frozen=True)
class Loop:
    """Extents (D,) and, for each tensor that is walked through, its steps in values (D,)."""

    extent: tuple[int, ...]
    steps: tuple[tuple[int, ...], ...]


def dense(shape: Sequence[int]) -> tuple[int, ...]:
    """Steps of a row-major tensor.

    >>> dense((2, 3, 4))
    (12, 4, 1)
    """
    return tuple(int(np.prod(shape[i + 1 :], dtype=np.int64)) for i in range(len(shape)))


def loop(what: str, extent: Sequence[int], *steps: Sequence[int]) -> Loop:
    """The same walk with dimensions of extent 1 dropped and neighbours merged, padded in front to D dimensions.

    Raises `StapesError` where more than D remain; `what` names the operator.

    >>> loop("copy", (1, 3, 5), (15, 5, 1), (0, 5, 1))
    Loop(extent=(1, 1, 1, 15), steps=((0, 0, 0, 1), (0, 0, 0, 1)))
    >>> loop("add", (3, 5), (5, 1), (0, 1)).steps
    ((0, 0, 5, 1), (0, 0, 0, 1))
    """
    columns = [(n, *step) for n, *step in zip(extent, *steps, strict=True) if n != 1]
    merged: list[tuple[int, ...]] = []
    for n, *step in columns:
        if merged and all(outer == n * inner for outer, inner in zip(merged[-1][1:], step, strict=True)):
            merged[-1] = (merged[-1][0] * n, *step)
        else:
            merged.append((n, *step))
    if len(merged) > D:
        raise StapesError(f"operator '{what}' walks through {len(merged)} dimensions; reshape it to at most {D}")
    padded = [(1, *(0 for _ in steps))] * (D - len(merged)) + merged
    extents, *rest = zip(*padded, strict=True)
    return Loop(tuple(extents), tuple(tuple(step) for step in rest))


def broadcast(what: str, shape_1: Sequence[int], shape_2: Sequence[int], output: Sequence[int]) -> Loop:
    """The walk of an elementwise operator; a dimension that is repeated has step 0.

    >>> broadcast("mul", (1, 65), (1,), (1, 65)).steps
    ((0, 0, 0, 1), (0, 0, 0, 0))
    """

    def steps(shape: Sequence[int]) -> list[int]:
        padded = [1] * (len(output) - len(shape)) + list(shape)
        return [0 if n == 1 else step for n, step in zip(padded, dense(padded), strict=True)]

    return loop(what, output, steps(shape_1), steps(shape_2))


def reduction(what: str, shape: Sequence[int], axes: Sequence[int]) -> tuple[int, int, int]:
    """(outer, count, inner) of a reduction over neighbouring axes.

    Raises `StapesError` where the axes stand apart.

    >>> reduction("mean", (1, 16, 33, 2), (1, 2))
    (1, 528, 2)
    """
    wide = [i for i in range(len(shape)) if shape[i] != 1]
    reduced = [i for i in wide if i in axes]
    if not reduced:
        return int(np.prod(shape, dtype=np.int64)), 1, 1
    if any(i not in axes for i in wide if reduced[0] < i < reduced[-1]):
        raise StapesError(f"operator '{what}' reduces axes {tuple(axes)} that stand apart; transpose them together")
    outer, inner = shape[: reduced[0]], shape[reduced[-1] + 1 :]
    count = shape[reduced[0] : reduced[-1] + 1]
    outer_size, count_size, inner_size = (int(np.prod(part, dtype=np.int64)) for part in (outer, count, inner))
    return outer_size, count_size, inner_size
