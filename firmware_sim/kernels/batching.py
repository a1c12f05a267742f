"""How a batch of utterances meets the operators: shapes and constants."""

from __future__ import annotations

import numpy as np


def constant(data: np.ndarray) -> np.ndarray:
    """A constant of shape `shape` as an operand: int64 (1, *shape), broadcast over the utterances."""
    return np.asarray(data, np.int64)[np.newaxis]


def aligned(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(B, *shape_a) and (B, *shape_b) with axes of one inserted behind B, so that the shapes broadcast from the right."""
    rank = max(a.ndim, b.ndim)
    return _padded(a, rank), _padded(b, rank)


def _padded(x: np.ndarray, rank: int) -> np.ndarray:
    return x if x.ndim == rank else x.reshape(x.shape[0], *(1,) * (rank - x.ndim), *x.shape[1:])
