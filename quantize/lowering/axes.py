"""Which axis of ONNX stands where in the integer graph, whose tensors carry no axes of one that nobody needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Shape = tuple[int, ...]

# Every engine walks through this many axes; neighbours that stay together are one.
MOST_AXES = 4


def canonical(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its unit axes, two to four axes long: what an activation looks like in the integer graph.

    Of more than four axes the first ones are one. Which axis of ONNX stands where is known from the ONNX shape alone.

    >>> canonical((1, 1, 128)), canonical((2, 1, 128)), canonical((1,))
    ((1, 128), (2, 128), (1, 1))
    >>> canonical((2, 3, 1, 4, 5, 6))
    (6, 4, 5, 6)
    """
    kept = wide_axes(shape)
    beyond = max(0, len(kept) - MOST_AXES)
    kept = (math.prod(kept[: beyond + 1]), *kept[beyond + 1 :]) if beyond else kept
    return (1,) * (2 - len(kept)) + kept


def wide_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The extents of a shape that are not one.

    >>> wide_axes((1, 3, 1, 5))
    (3, 5)
    """
    return tuple(n for n in shape if n != 1)


def together(extents: tuple[int, ...], perm: Sequence[int]) -> tuple[tuple[int, ...], list[int]]:
    """Extents and permutation once the axes that stay side by side, in order, are one axis.

    >>> together((2, 3, 4, 5, 6), [3, 4, 0, 1, 2])
    ((24, 30), [1, 0])
    """
    groups: list[list[int]] = []
    for axis in perm:
        if groups and groups[-1][-1] + 1 == axis:
            groups[-1].append(axis)
        else:
            groups.append([axis])
    ordered = sorted(groups)
    return tuple(math.prod(extents[axis] for axis in group) for group in ordered), [ordered.index(g) for g in groups]


@dataclass(frozen=True)
class Aligned:
    """The shapes of both operands and of the result, of equal length, at least two; axes that are one in all are left out."""

    operands: tuple[Shape, Shape]
    result: Shape


def aligned(a: Shape, b: Shape) -> Aligned:
    """Neighbouring axes that are repeated alike become one where there are more than four.

    >>> aligned((1, 16, 1, 33), (16, 1, 1)).operands
    ((16, 33), (16, 1))
    >>> aligned((2, 3, 4, 5, 6), (6,)).operands
    ((120, 6), (1, 6))
    """
    rank = max(len(a), len(b))
    pairs = zip((1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b, strict=True)
    axes = [(x, y, max(x, y)) for x, y in pairs if (x, y) != (1, 1)]
    if len(axes) > MOST_AXES:
        merged: list[tuple[int, int, int]] = []
        for x, y, n in axes:
            if merged and [m == merged[-1][2] for m in merged[-1][:2]] == [x == n, y == n]:
                merged[-1] = (merged[-1][0] * x, merged[-1][1] * y, merged[-1][2] * n)
            else:
                merged.append((x, y, n))
        axes = merged
    axes = [(1, 1, 1)] * (2 - len(axes)) + axes
    return Aligned(
        (tuple(x for x, _, _ in axes), tuple(y for _, y, _ in axes)),
        tuple(n for _, _, n in axes),
    )


def without_front(shape: Shape) -> Shape:
    """A shape without the axes of one in front.

    >>> without_front((1, 1, 3, 1))
    (3, 1)
    """
    return tuple(shape[next((i for i, n in enumerate(shape) if n != 1), len(shape)) :])
