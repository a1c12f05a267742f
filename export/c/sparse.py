"""The groups of a packed matrix that are not all zeros, as `stapes_sparse.h` describes them.

A block's groups follow each other two by two. In front of two stand their distances in bytes of x from the second group
of the two before, from the start of x for the first two. Where their number is odd, the first one stands alone.
"""

from __future__ import annotations

import numpy as np

# Halfwords of a group of weights, and bytes of its four values of x.
_GROUP, _GROUP_BYTES = 8, 8
# The loop in `stapes_cortex_m7_sparse.h`: turns for two groups each, their bytes, and those in front of the second group.
_TURNS, _TURN_BYTES, _HALF_BYTES = 8, 120, 64
# Distances are read as int16 and as uint16.
_LARGEST_DISTANCE = 2**15 - 1


def sparse_groups(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """int16 (blocks, groups, 2, 2, 2) -> weights int16 (n,) and int32 (blocks, 2): their end in bytes, and the way in.

    None for a matrix that is too wide for its distances.
    """
    if weights.shape[1] * _GROUP_BYTES > _LARGEST_DISTANCE:
        return None
    parts, ends, ways = [np.zeros(0, np.int16)], [], []
    for block in weights.reshape(*weights.shape[:2], _GROUP):
        kept = np.flatnonzero((block != 0).any(axis=1))
        parts += _twos(block, kept)
        ends.append(2 * sum(part.size for part in parts))
        ways.append(_way(kept))
    stream = np.concatenate(parts)
    # An array of C has an element, and that of a packed matrix fills words.
    return np.pad(stream, (0, 2)) if stream.size == 0 else stream, np.stack([ends, ways], axis=1).astype(np.int32)


def kept_groups(weights: np.ndarray) -> int:
    """How many groups of (blocks, groups, 2, 2, 2) are not all zeros."""
    return int(np.count_nonzero((weights != 0).any(axis=(2, 3, 4))))


def sparse_bytes(kept: int, blocks: int) -> int:
    """Bytes of as many groups, of their distances, and of what blocks have in their rows besides; at most."""
    return 2 * _GROUP * kept + 2 * kept + 8 * blocks


def _twos(block: np.ndarray, kept: np.ndarray) -> list[np.ndarray]:
    """The kept groups of a block (groups, 8), an odd one first, the others two by two behind their distances."""
    odd = len(kept) % 2
    parts = [block[kept[0]]] if odd else []
    before = kept[0] if odd else 0
    for first, second in kept[odd:].reshape(-1, 2):
        distances = _GROUP_BYTES * np.array([first - before, second - before])
        parts += [distances.astype(np.int16), block[first], block[second]]
        before = second
    return parts


def _way(kept: np.ndarray) -> int:
    """Below where distances begin, in bytes of x; above it bytes from the first turn of the loop to the block's entry."""
    turns, odd = -(-len(kept) // 2), len(kept) % 2
    left_out = _TURNS if turns == 0 else -turns % _TURNS
    entry = left_out * _TURN_BYTES + odd * _HALF_BYTES
    return entry * 2**16 + (_GROUP_BYTES * int(kept[0]) if odd else 0)
