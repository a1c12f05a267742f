"""A matrix of weights as the kernels read it, packed once by the exporter; `stapes_matrix` in C.

Rows are taken four at a time (a block), columns four at a time (a group); both are filled up with zeros. A halfword
holds one column of a pair of rows, 256 * odd row + even row:

    weights[block][group][column pair][row pair][column]

so that the dual multiply-accumulate of the Cortex-M7 sums a pair of rows at once: the sum of the halfwords is
256 * odd sum + even sum, and with the even sum, summed apart, the odd one follows. In 32 bits that holds while odd sums
stay below 2^23, in 64 bits always.

For a target without such an instruction the int8 weights of a block lie row by row, in as many halfwords, and likewise those
of a group of a sparse matrix: none has to be taken apart. Vector instructions multiply zeros faster than they pass over them, so that for a
target that has some no matrix is sparse.

What a row needs besides follows block by block: 4 biases, 4 multipliers, and one word of 4 right shifts (6 bits each)
and the output's zero point (8 bits) where the rounding has shifts.

Of a matrix with enough zeros only the groups that are not all zeros are stored, see `sparse`: of one that was pruned, a
block-diagonal one, a bank of bands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...models.errors import StapesError
from ...quantize.arithmetic import reduced_multiplier_q15
from ..targets import CORTEX_M7, Target
from .kernels import PORTABLE, Kernel
from .sparse import kept_groups, sparse_bytes, sparse_groups

ROWS, COLUMNS = 4, 4
# Units of a GRU whose gates are computed together: their rows of r, z and n follow each other.
GRU_UNITS = 16
_PAIR = 2**8
_SHIFT_BITS = 6
# Instructions of a group of four columns in a block; of a group in a sparse matrix, and of a block there beyond its groups.
_GROUP_COST, _SPARSE_GROUP_COST, _SPARSE_BLOCK_COST = 14, 15, 8

ONCE, ONCE_HIGH, TWICE, TWICE_HIGH = "STAPES_ONCE", "STAPES_ONCE_HIGH", "STAPES_TWICE", "STAPES_TWICE_HIGH"
# What the forms mean to a reader.
FORMS = {
    ONCE: PORTABLE,
    ONCE_HIGH: "row pairs in 64 bits",
    TWICE: PORTABLE,
    TWICE_HIGH: "row pairs in 32 bits",
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

    Those of a `sparse` matrix are int16 (n,) and int32 (blocks, 10 or 11), see `sparse_groups`.
    """

    weights: np.ndarray
    rows: np.ndarray
    rounding: str
    sparse: bool = False


def padded(size: int) -> int:
    """Values of a vector that a packed matrix reads.

    >>> padded(64), padded(65)
    (64, 68)
    """
    return -(-size // COLUMNS) * COLUMNS


def kernel(what: str, matrix: Matrix, sparse: bool | None = None) -> Kernel:
    """The kernel of a matrix, or of the rows of one matrix that is `sparse` or not; raises StapesError as `pack` does."""
    weights = pack_weights(what, matrix.weights)
    groups = weights.shape[0] * weights.shape[1]
    form = FORMS[rounding_of(matrix)[0]]
    if sparse_pays(weights) if sparse is None else sparse:
        return Kernel(f"{form}, sparse", kept_groups(weights), groups)
    return Kernel(form, groups, groups)


def pack(what: str, matrix: Matrix, sparse: bool | None = None, target: Target = CORTEX_M7) -> PackedMatrix:
    """A matrix without its groups of zeros or whole (`sparse`), or, if None is given, as what is cheaper.

    Raises StapesError, naming `what`, for weights that a halfword cannot hold.
    """
    rounding, multiplier = rounding_of(matrix)
    parts = [_blocks(matrix.bias), _blocks(multiplier)]
    if rounding != ONCE_HIGH:
        shift = np.where(parts[1] == 0, -2, _blocks(matrix.shift))  # any that the kernels take: the product is 0
        parts.append(_shift_words(shift, _blocks(matrix.zero_point)))
    weights = pack_weights(what, matrix.weights, target)
    if sparse is None:
        sparse = sparse_pays(weights) and not target.vectors
    found = sparse_groups(weights) if sparse else None
    if found is not None:
        weights, ends = found
        parts.insert(1, ends)
    elif not target.row_pairs:
        weights = _joined_rows(weights)
    return PackedMatrix(weights, np.concatenate(parts, axis=1).astype(np.int32), rounding, sparse=found is not None)


def sparse_pays(weights: np.ndarray) -> bool:
    """Whether packed weights without their groups of zeros take fewer instructions, and no more bytes than the whole."""
    blocks, groups = weights.shape[:2]
    kept = kept_groups(weights)
    fewer = _SPARSE_GROUP_COST * kept + _SPARSE_BLOCK_COST * blocks < _GROUP_COST * groups * blocks
    return fewer and sparse_bytes(kept, blocks) <= weights.nbytes


def pack_weights(what: str, weights: np.ndarray, target: Target = CORTEX_M7) -> np.ndarray:
    """int8 (O, I) -> int16 (blocks, groups, column pair, row pair, column), or groups of as many halfwords row by row."""
    rows, columns = weights.shape
    filled = np.zeros((-(-rows // ROWS) * ROWS, padded(columns)), np.int64)
    filled[:rows, :columns] = weights
    pairs = _PAIR * filled[1::2] + filled[0::2]
    if pairs.min() < -(2**15):
        raise StapesError(f"operator '{what}': weights of -128; TensorFlow Lite has weights from -127 to 127")
    blocks, groups = len(filled) // ROWS, filled.shape[1] // COLUMNS
    if not target.row_pairs:
        by_row = filled.reshape(blocks, ROWS, groups, COLUMNS).transpose(0, 2, 1, 3)
        return np.ascontiguousarray(by_row, np.int8).view("<i2").astype(np.int16).reshape(blocks, groups, 2, 2, 2)
    shaped = pairs.reshape(blocks, ROWS // 2, groups, COLUMNS // 2, 2)
    return np.ascontiguousarray(shaped.transpose(0, 2, 3, 1, 4), np.int16)


def _joined_rows(weights: np.ndarray) -> np.ndarray:
    """Groups row by row -> blocks row by row, both int16 (blocks, groups, 2, 2, 2)."""
    blocks, groups = weights.shape[:2]
    rows = weights.reshape(blocks, groups, ROWS, COLUMNS // 2).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(rows).reshape(weights.shape)


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
    result: np.ndarray = zero_point[:, :1] * 2**24 + fields.sum(axis=1, keepdims=True)
    return result


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

    `bound` is the largest magnitude of x; x << k stays below 2^31, and weights of 8 bits times 2^k are int16. Rows so faint that all
    their results are zero have m = 0.
    """
    reduced = reduced_multiplier_q15(multiplier_q31)
    left = 17 + np.asarray(shift, np.int64)
    faint = (left < 0) & (np.asarray(bound, np.float64) * reduced < 2.0**31 * np.exp2(-np.minimum(left, 0)))
    reduced = np.where(faint, 0, reduced)
    left = np.where(reduced == 0, 0, left)
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
