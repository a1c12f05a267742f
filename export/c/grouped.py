"""Block-diagonal matrices of a GRU as the kernels of small groups read them; `stapes_grouped_matrix` in C.

A group takes 4, 8 or 16 columns of its own, which stay in registers while its rows pass: a row is one record of 32-bit
words, its bias, its weights as pairs of int16 and its multiplier. The rows of r, z and n of a unit follow each other, so
that the cell behind them reads what it needs of a unit at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .constants import Constants
from .fields import Fields
from .packing import ONCE_HIGH, Matrix, rounding_of

FORM = "small groups"
_COLUMNS = (4, 8, 16)
# The kernels take units by fours.
_UNITS = 4


@dataclass(frozen=True, eq=False)
class Grouped:
    """rows int32 (groups, rows of a group, columns / 2 + 2)."""

    rows: np.ndarray

    @property
    def groups(self) -> int:
        return len(self.rows)

    @property
    def columns(self) -> int:
        return int(2 * (self.rows.shape[2] - 2))


def grouped(gates: Sequence[Matrix]) -> Grouped | None:
    """The matrices of all gates, weights (units, inputs) each, as small groups, or None where they are not."""
    units, inputs = gates[0].weights.shape
    weights = _by_unit([gate.weights for gate in gates])
    for columns in _COLUMNS:
        groups = inputs // columns
        if inputs % columns or units % (_UNITS * groups):
            continue
        blocks = weights.reshape(groups, -1, groups, columns)
        if any(blocks[i, :, j].any() for i in range(groups) for j in range(groups) if i != j):
            continue
        return _packed(gates, np.stack([blocks[i, :, i] for i in range(groups)]))
    return None


def grouped_fields(label: str, matrix: Grouped, arrays: Constants) -> Fields:
    """Fields of `stapes_grouped_matrix`."""
    return {
        "groups": matrix.groups,
        "columns": matrix.columns,
        "rows_per_group": matrix.rows.shape[1],
        "rows": arrays.add(f"{label} rows", matrix.rows),
    }


def _packed(gates: Sequence[Matrix], weights: np.ndarray) -> Grouped | None:
    """weights int8 (groups, rows of a group, columns)."""
    found = [rounding_of(gate) for gate in gates]
    if any(form != ONCE_HIGH for form, _ in found):
        return None
    groups, rows, _ = weights.shape
    pairs = np.ascontiguousarray(weights, "<i2").view("<i4")
    bias = _by_unit([gate.bias for gate in gates]).reshape(groups, rows, 1)
    multiplier = _by_unit([multiplier for _, multiplier in found]).reshape(groups, rows, 1)
    return Grouped(np.concatenate([bias, pairs, multiplier], axis=2).astype(np.int32))


def _by_unit(values: Sequence[np.ndarray]) -> np.ndarray:
    """One array (units, ...) a gate -> (units * gates, ...), the gates of a unit one behind the other."""
    stacked = np.stack(values, axis=1)
    return stacked.reshape(-1, *stacked.shape[2:])
