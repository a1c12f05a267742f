"""A matrix of weights as the kernels read it, packed once by the exporter; `stapes_matrix` in C.

Rows are taken four at a time (a block), columns four at a time (a group); both are filled up with zeros. A halfword
holds one column of a pair of rows, 256 * odd row + even row:

    weights[block][group][column pair][row pair][column]

so that the dual multiply-accumulate of the Cortex-M7 sums a pair of rows at once: the sum of the halfwords is
256 * odd sum + even sum, and with the even sum, summed apart, the odd one follows. In 32 bits that holds while odd sums
stay below 2^23, in 64 bits always.

What a row needs besides follows block by block: 4 biases, 4 multipliers, and one word of 4 right shifts (6 bits each)
and the output's zero point (8 bits) where the rounding has shifts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.errors import StapesError
from quantize.arithmetic import reduced_multiplier_q15

ROWS, COLUMNS = 4, 4
# Units of a GRU whose gates are computed together: their rows of r, z and n follow each other.
GRU_UNITS = 16
_PAIR = 2**8
_SHIFT_BITS = 6
# Instructions of a group of four columns in a block, and of one more call of the inner loop.
_GROUP_COST, _RUN_COST = 14, 70

ONCE, ONCE_HIGH, TWICE, TWICE_HIGH = "STAPES_ONCE", "STAPES_ONCE_HIGH", "STAPES_TWICE", "STAPES_TWICE_HIGH"
# What the forms mean to a reader.
FORMS = {
    ONCE: "portable C",
    ONCE_HIGH: "row pairs, sums of 64 bits",
    TWICE: "portable C",
    TWICE_HIGH: "row pairs, sums of 32 bits",
}


@dataclass(frozen=True, eq=False)
class Matrix:
    """Rows of a matrix product: weights int8 (O, I), the others integers (O,); bias includes the input's zero point.

    `wide` says that sums go through requantise_64, else through requantise_double; `narrow` that outputs are int8.
    """

    weights: np.ndarray
    bias: np.ndarray
    multiplier_q31: np.ndarray
    shift: np.ndarray
    zero_point: np.ndarray
    wide: bool
    narrow: bool
    largest_input: int


@dataclass(frozen=True, eq=False)
class PackedMatrix:
    """weights int16 (blocks, groups, 2, 2, 2), rows int32 (blocks, 8 or 9), and how a sum is rounded.

    With bands uint16 (blocks, 3), weights are (groups of all bands, 2, 2, 2), see `banded`.
    """

    weights: np.ndarray
    rows: np.ndarray
    rounding: str
    bands: np.ndarray | None = None


def padded(size: int) -> int:
    """Values of a vector that a packed matrix reads.

    >>> padded(64), padded(65)
    (64, 68)
    """
    return -(-size // COLUMNS) * COLUMNS


def form(matrix: Matrix) -> str:
    """One of FORMS: the kernel that a matrix gets on a Cortex-M7."""
    return FORMS[rounding_of(matrix)[0]]


def pack(what: str, matrix: Matrix) -> PackedMatrix:
    """Raises StapesError, naming `what`, for weights that a halfword cannot hold."""
    rounding, multiplier = rounding_of(matrix)
    parts = [_blocks(matrix.bias), _blocks(multiplier)]
    if rounding != ONCE_HIGH:
        shift = np.where(parts[1] == 0, -2, _blocks(matrix.shift))  # any that the kernels take: the product is 0
        parts.append(_shift_words(shift, _blocks(matrix.zero_point)))
    weights, rows = pack_weights(what, matrix.weights), np.concatenate(parts, axis=1).astype(np.int32)
    bands = banded(weights)
    if bands is None:
        return PackedMatrix(weights, rows, rounding)
    kept = [block[first : first + count] for block, (_, first, count) in zip(weights, bands, strict=True)]
    return PackedMatrix(np.concatenate(kept), rows, rounding, bands)


def banded(weights: np.ndarray) -> np.ndarray | None:
    """uint16 (blocks, 3) of packed weights: groups kept before, first group, groups kept; None where it does not pay.

    A block keeps its groups from the first to the last that is not all zeros, at least one. Block-diagonal matrices and
    banks of bands have few of them; neighbours with the same band are multiplied together.
    """
    used = np.asarray((weights != 0).any(axis=(2, 3, 4)))
    first = used.argmax(axis=1)
    count = np.where(used.any(axis=1), used.shape[1] - used[:, ::-1].argmax(axis=1) - first, 1)
    runs = 1 + np.count_nonzero((np.diff(first) != 0) | (np.diff(count) != 0))
    fewer = used.size - int(count.sum())
    if fewer * _GROUP_COST <= (runs - 1) * _RUN_COST or int(count.sum()) >= 2**16:
        return None
    return np.stack([np.cumsum(count) - count, first, count], axis=1).astype(np.uint16)


def pack_weights(what: str, weights: np.ndarray) -> np.ndarray:
    """int8 (O, I) -> int16 (blocks, groups, column pair, row pair, column)."""
    rows, columns = weights.shape
    filled = np.zeros((-(-rows // ROWS) * ROWS, padded(columns)), np.int64)
    filled[:rows, :columns] = weights
    pairs = _PAIR * filled[1::2] + filled[0::2]
    if pairs.min() < -(2**15):
        raise StapesError(f"operator '{what}': weights of -128; TensorFlow Lite has weights from -127 to 127")
    blocks, groups = len(filled) // ROWS, filled.shape[1] // COLUMNS
    shaped = pairs.reshape(blocks, ROWS // 2, groups, COLUMNS // 2, 2)
    return np.ascontiguousarray(shaped.transpose(0, 2, 3, 1, 4), np.int16)


def unpack_weights(packed: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The int8 matrix (rows, columns) of packed weights."""
    blocks, groups = packed.shape[:2]
    pairs = packed.transpose(0, 3, 1, 2, 4).reshape(blocks * ROWS // 2, groups * COLUMNS).astype(np.int64)
    even = (pairs + _PAIR // 2) % _PAIR - _PAIR // 2
    both = np.stack([even, (pairs - even) // _PAIR], axis=1)
    return both.reshape(blocks * ROWS, -1)[:rows, :columns].astype(np.int8)


def interleave(gates: Sequence[Matrix]) -> Matrix:
    """The gates of a GRU as one matrix: GRU_UNITS rows of each in turn, every gate's last ones filled up to a block."""
    first = gates[0]
    filled = [[_filled(getattr(gate, name)) for gate in gates] for name in _BY_ROW]
    order = [
        (gate, slice(start, start + GRU_UNITS))
        for start in range(0, len(filled[0][0]), GRU_UNITS)
        for gate in range(len(gates))
    ]
    rows = {
        name: np.concatenate([of_gates[gate][part] for gate, part in order])
        for name, of_gates in zip(_BY_ROW, filled, strict=True)
    }
    return Matrix(**rows, wide=first.wide, narrow=first.narrow, largest_input=first.largest_input)


_BY_ROW = ("weights", "bias", "multiplier_q31", "shift", "zero_point")


def _filled(values: np.ndarray) -> np.ndarray:
    """Zeros for the rows that fill up the last block."""
    return np.pad(values, [(0, -len(values) % ROWS)] + [(0, 0)] * (values.ndim - 1))


def _blocks(values: np.ndarray) -> np.ndarray:
    """(O,) -> int64 (blocks, 4)."""
    return _filled(np.asarray(values, np.int64)).reshape(-1, ROWS)


def _shift_words(shift: np.ndarray, zero_point: np.ndarray) -> np.ndarray:
    """(blocks, 4) shifts to the left -> (blocks, 1) words of shifts to the right; a block has one zero point."""
    fields = (-shift & (2**_SHIFT_BITS - 1)) << (_SHIFT_BITS * np.arange(ROWS))
    return zero_point[:, :1] * 2**24 + fields.sum(axis=1, keepdims=True)


def high_multiplier(multiplier_q31: np.ndarray, shift: np.ndarray) -> np.ndarray | None:
    """int64 m (O,) such that requantise_64(x) is round(x * m / 2^32) for every row, or None.

    With t = 15 - shift, (x * m + 2^(t-1)) >> t is (x * (m << (32 - t)) + 2^31) >> 32.
    """
    reduced = reduced_multiplier_q15(multiplier_q31)
    left = 32 - (15 - np.asarray(shift, np.int64))
    if not ((left >= 0) & (left <= 16) | (reduced == 0)).all():
        return None
    return np.asarray(reduced << np.where(reduced == 0, 0, left))


def folded_multiplier(
    multiplier_q31: np.ndarray, shift: np.ndarray, bound: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """int64 k and m (O,) such that requantise_64(x) is round((x << k) * m / 2^32) for every row, or None.

    `bound` is the largest magnitude of x; x << k stays below 2^31, and weights of 8 bits times 2^k are int16.
    """
    reduced = reduced_multiplier_q15(multiplier_q31)
    left = np.where(reduced == 0, 0, 17 + np.asarray(shift, np.int64))
    fold = np.maximum(left - 16, 0)
    if left.min() < 0 or fold.max() > 8 or int((bound << fold).max()) >= 2**31:
        return None
    return fold, np.asarray(reduced << (left - fold))


def rounding_of(matrix: Matrix) -> tuple[str, np.ndarray]:
    """The cheapest form that gives the bits of requantise_64 or requantise_double for every row, and its multipliers."""
    multiplier, shift = np.asarray(matrix.multiplier_q31, np.int64), np.asarray(matrix.shift, np.int64)
    if matrix.wide:
        high = None if matrix.narrow else high_multiplier(multiplier, shift)
        if high is not None:
            return ONCE_HIGH, high
        return ONCE, multiplier
    bound = np.abs(matrix.weights.astype(np.int64)).sum(axis=1) * matrix.largest_input + np.abs(matrix.bias)
    # round(x * m / 2^31) is round(2 x * m / 2^32), and a rounded right shift by e multiplies by 2^(32 - e).
    simple = ((shift >= -31) & (shift <= -2) | (multiplier == 0)).all() and 2 * int(bound.max()) < 2**31
    if matrix.narrow and simple and (bound[1::2] < 2**23).all():
        return TWICE_HIGH, multiplier
    return TWICE, multiplier
