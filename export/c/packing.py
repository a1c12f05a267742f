"""A matrix of weights as the kernels read it, packed once by the exporter; `stapes_fully_connected_params` in C.

Rows are taken four at a time (a block), columns four at a time (a group); both are filled up with zeros. A halfword
holds one column of a pair of rows, 256 * odd row + even row:

    weights[block][group][column pair][row pair][column] = 256 * w[4 b + 2 r + 1][4 g + 2 c + k] + w[4 b + 2 r][...]

so that the dual multiply-accumulate of the Cortex-M7 sums a pair of rows at once: the sum of the halfwords is
256 * odd sum + even sum. With the even sum, summed apart, the odd one follows. In 32 bits that holds while odd sums
stay below 2^23, which `sums_32` states for all inputs; in 64 bits it always holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.errors import StapesError
from quantize.arithmetic import reduced_multiplier_q15

ROWS, COLUMNS = 4, 4
_PAIR = 2**8

ONCE, ONCE_HIGH, TWICE, TWICE_HIGH = "STAPES_ONCE", "STAPES_ONCE_HIGH", "STAPES_TWICE", "STAPES_TWICE_HIGH"


@dataclass(frozen=True, eq=False)
class PackedMatrix:
    """A packed matrix (O, I): weights int16 (blocks, groups, 2, 2, 2); by row, filled up to blocks, bias and multiplier
    int32, shift int8 (None where the rounding has no shifts).
    """

    weights: np.ndarray
    bias: np.ndarray
    rounding: str
    multiplier: np.ndarray
    shift: np.ndarray | None
    sums_32: bool


def padded(size: int) -> int:
    """Values of a vector that a packed matrix reads.

    >>> padded(64), padded(65)
    (64, 68)
    """
    return -(-size // COLUMNS) * COLUMNS


def pack_matrix(
    what: str,
    weights: np.ndarray,
    bias: np.ndarray,
    multiplier_q31: np.ndarray,
    shift: np.ndarray,
    wide: bool,
    largest_input: int,
) -> PackedMatrix:
    """Pack weights int8 (O, I), bias int64 (O,) and multipliers (O,) of products with |input| <= `largest_input`.

    `wide` says that sums go through requantise_64, else through requantise_double. Raises StapesError for weights
    that a halfword cannot hold.
    """
    bound = np.abs(weights.astype(np.int64)).sum(axis=1) * largest_input + np.abs(bias)
    rounding, multiplier, shift_of_form = _rounding(multiplier_q31, shift, wide, int(bound.max()))
    return PackedMatrix(
        pack_weights(what, weights),
        _filled(bias, np.int32),
        rounding,
        _filled(multiplier, np.int32),
        None if shift_of_form is None else _filled(shift_of_form, np.int8),
        bool((bound[1::2] < 2**23).all()),
    )


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


def _filled(values: np.ndarray, dtype: type) -> np.ndarray:
    """One value a row, zeros for the rows that fill up the last block."""
    return np.pad(np.asarray(values), (0, -len(values) % ROWS)).astype(dtype)


def _rounding(
    multiplier_q31: np.ndarray, shift: np.ndarray, wide: bool, largest_sum: int
) -> tuple[str, np.ndarray, np.ndarray | None]:
    """The cheapest form that gives the bits of requantise_64 or requantise_double for every row."""
    multiplier, shift = np.asarray(multiplier_q31, np.int64), np.asarray(shift, np.int64)
    if wide:
        # (x * m + 2^(t-1)) >> t is (x * (m << (32 - t)) + 2^31) >> 32.
        left = 32 - (15 - shift)
        reduced = reduced_multiplier_q15(multiplier)
        if ((left >= 0) & (left <= 16) | (reduced == 0)).all():
            return ONCE_HIGH, reduced << np.where(reduced == 0, 0, left), None
        return ONCE, multiplier, shift
    # round(x * m / 2^31) is round(2 x * m / 2^32), and a rounded right shift by e multiplies by 2^(32 - e).
    if ((shift >= -31) & (shift <= -2)).all() and 2 * largest_sum < 2**31:
        return TWICE_HIGH, multiplier, 32 + shift
    return TWICE, multiplier, shift
