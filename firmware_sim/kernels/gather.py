"""GATHER: a table is looked up."""

from __future__ import annotations

import numpy as np

from ...quantize.prepare import GatherParams


def gather(params: GatherParams, x: np.ndarray) -> np.ndarray:
    """Positions x int64 (B, *shape) -> values of the table, of the same shape."""
    result: np.ndarray = params.table.astype(np.int64)[x]
    return result
