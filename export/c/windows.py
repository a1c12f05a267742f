"""A convolution along the positions of one row, int16, as windows of a vector: `stapes_windows_s16`.

The positions are copied once, with the channels that are looked at and with zeros beside both ends, so that every window
lies together (`Gather`); a window then is `columns` values, and the next one begins `step` values behind it, on a
boundary of 4 bytes. Rows of
weights that look at other channels or taps than those before are a call of their own (`Windows`): the groups of a
grouped convolution, and the zeros of a transposed one that is written as a plain one.

Weights are int16, rows taken four at a time (a block), columns eight at a time (a turn), filled up with zeros:

    words[block][4 biases, columns / 2 times 4 rows of 2 columns, 4 multipliers]

For a target of vector instructions a block's weights are the same int16, row by row, in as many words.

Weights and biases may be multiplied by a power of two, see `packing.folded_multiplier`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...quantize.prepare import Conv2DParams, FullyConnectedParams
from .packing import ROWS, folded_multiplier

TURN = 8
FORM = "windows"
# Of one call: the turns that the assembly unrolls.
_LARGEST_COLUMNS = 64
# A matrix product of fewer vectors is worth neither weights of 16 bits nor, in a sparse matrix, products with zeros.
_FEWEST_VECTORS = 8
_INT16 = (-(2**15), 2**15 - 1)


@dataclass(frozen=True)
class Gather:
    """The copy: `channels` values of each of `width` positions, zeros for `before` and `after` positions around them."""

    width: int
    input_step: int
    first_channel: int
    channels: int
    before: int
    after: int

    @property
    def size(self) -> int:
        """Values that windows may read: a last turn may reach behind the last window."""
        return (self.before + self.width + self.after) * self.channels + TURN

    @property
    def is_input(self) -> bool:
        """Whether the copy would be the input itself."""
        return self.channels == self.input_step and self.before == 0 and self.after == 0


@dataclass(frozen=True, eq=False)
class Windows:
    """One call: rows from `first_output` on, each of `positions` windows of `columns` values."""

    gather: Gather
    first: int
    step: int
    positions: int
    columns: int
    first_output: int
    words: np.ndarray

    @property
    def outputs(self) -> int:
        return len(self.words) * ROWS

    @property
    def stays_inside(self) -> bool:
        """Whether no turn reaches behind its window."""
        return self.columns % TURN == 0


def windows(params: Conv2DParams | FullyConnectedParams, input_shape: tuple[int, ...]) -> list[Windows] | None:
    """The calls of a convolution or of a matrix product with many vectors, or None for another one."""
    row = _row(params, input_shape)
    if row is None:
        return None
    weights, width, stride, before = row
    outputs, taps, channels = weights.shape
    positions = int(np.prod(params.output_shape)) // outputs
    if positions == 1:
        # A single vector is worth no weights of 16 bits.
        return None
    bound = np.abs(weights).sum(axis=(1, 2)) * 2**15 + np.abs(params.bias)
    folded = folded_multiplier(params.multiplier_q31, params.shift, bound)
    if folded is None or outputs % ROWS:
        return None
    after = max(0, (positions - 1) * stride + taps - before - width)
    calls = []
    for first, last, (first_tap, end_tap), (first_channel, end_channel) in _parts(weights):
        rows = slice(first, last)
        gather = Gather(width, channels, first_channel, end_channel - first_channel, before, after)
        seen = weights[rows, first_tap:end_tap, first_channel:end_channel].reshape(last - first, -1)
        words = _words(seen << folded[0][rows, None], params.bias[rows] << folded[0][rows], folded[1][rows])
        start, step = first_tap * gather.channels, stride * gather.channels
        calls.append(Windows(gather, start, step, positions, seen.shape[1], first, words))
    # Calls that look at the same copy follow each other.
    calls.sort(key=lambda call: (call.gather.first_channel, call.gather.channels))
    return _if_they_fit(calls)


def overlapping_windows(
    params: Conv2DParams, input_shape: tuple[int, ...], shifts: Sequence[int]
) -> list[Windows] | None:
    """The calls of a convolution whose input is another one's positions joined to themselves, each part moved by `shifts`.

    The windows are those of the other one; None where `windows` has none.
    """
    row = _row(params, input_shape)
    if row is None:
        return None
    weights, width, stride, padding = row
    outputs, taps, channels = weights.shape
    depth, positions = channels // len(shifts), params.output_shape[2]
    bound = np.abs(weights).sum(axis=(1, 2)) * 2**15 + np.abs(params.bias)
    folded = folded_multiplier(params.multiplier_q31, params.shift, bound)
    least, span = min(shifts), max(shifts) - min(shifts)
    after = max(0, (positions - 1) * stride - padding + taps + max(shifts) - width)
    if folded is None or outputs % ROWS or padding - least < 0:
        return None
    gather = Gather(width, depth, 0, depth, padding - least, after)
    calls = []
    for first, count, inside in _alike(positions, stride, padding, taps, width):
        merged = np.zeros((outputs, taps + span, depth), np.int64)
        for part, shift in enumerate(shifts):
            start = shift - least
            merged[:, start + inside.start : start + inside.stop] += weights[
                :, inside, part * depth : (part + 1) * depth
            ]
        rows = merged.reshape(outputs, -1) << folded[0][:, None]
        if int(np.abs(rows).max()) >= 2**15:
            return None
        words = _words(rows, params.bias << folded[0], folded[1])
        step = stride * depth
        calls.append(Windows(gather, first * step, step, count, rows.shape[1], first * outputs, words))
    return _if_they_fit(calls)


def _alike(positions: int, stride: int, padding: int, taps: int, width: int) -> Iterator[tuple[int, int, slice]]:
    """Runs of positions (first, count) with the same taps inside the input."""
    start, seen = 0, slice(0, 0)
    for position in range(positions + 1):
        left = position * stride - padding
        inside = slice(max(0, -left), min(taps, width - left))
        if position in (0, positions) or inside != seen:
            if position > start:
                yield start, position - start, seen
            start, seen = position, inside


def _if_they_fit(calls: list[Windows]) -> list[Windows] | None:
    """The calls where the assembly can run them: windows that begin at words, and not too long."""
    fit = all(call.columns <= _LARGEST_COLUMNS and call.first % 2 == call.step % 2 == 0 for call in calls)
    return calls if fit else None


def _row(
    params: Conv2DParams | FullyConnectedParams, input_shape: tuple[int, ...]
) -> tuple[np.ndarray, int, int, int] | None:
    """Weights int64 (O, taps, all channels), positions, stride and padding, or None for what is no such convolution."""
    limits = (params.activation_min, params.activation_max)
    if not params.wide or limits != _INT16 or params.input_zero_point or params.output_zero_point:
        return None
    if isinstance(params, FullyConnectedParams):
        outputs, inputs = params.weights.shape
        vectors = int(np.prod(input_shape)) // inputs
        plain = params.weights.astype(np.int64).reshape(outputs, 1, inputs)
        return (plain, vectors, 1, 0) if vectors >= _FEWEST_VECTORS else None
    if input_shape[1] != 1 or params.weights.shape[1] != 1 or params.dilation[1] != 1 or params.padding[0] != 0:
        return None
    return _ungrouped(params), input_shape[2], params.stride[1], params.padding[1]


def _ungrouped(params: Conv2DParams) -> np.ndarray:
    """int64 (O, taps, all channels): zeros where a group does not look."""
    outputs, _, taps, depth = params.weights.shape
    whole = np.zeros((outputs, taps, params.groups, depth), np.int64)
    for group, rows in enumerate(np.split(np.arange(outputs), params.groups)):
        whole[rows, :, group] = params.weights[rows, 0]
    return whole.reshape(outputs, taps, params.groups * depth)


def _parts(weights: np.ndarray) -> Iterator[tuple[int, int, tuple[int, int], tuple[int, int]]]:
    """Rows (first, end), taps and channels (an even number where it can be) outside of which those rows are zero."""
    outputs = len(weights)
    start, found = 0, None
    for first in range(0, outputs, ROWS):
        used = (weights[first : first + ROWS] != 0).any(axis=0)
        taps, seen = _range(used.any(axis=1)), _range(used.any(axis=0))
        box = taps, (seen[0] // 2 * 2, min(-(-seen[1] // 2) * 2, weights.shape[2]))
        if found is not None and box != found:
            yield start, first, *found
            start = first
        found = box
    if found is not None:
        yield start, outputs, *found


def _range(used: np.ndarray) -> tuple[int, int]:
    """First and end of what is used, at least one."""
    places = np.flatnonzero(used)
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 1)


def rows_together(words: np.ndarray) -> np.ndarray:
    """The words of a call with the weights of each block row by row, for vector instructions.

    >>> rows_together(np.array([[0, 0, 0, 0, 0x20001, 0x40003, 0x60005, 0x80007, 9, 9, 9, 9]], np.int32)).view("<i2")[0, 8:16]
    array([1, 2, 3, 4, 5, 6, 7, 8], dtype=int16)
    """
    pairs = words[:, ROWS:-ROWS].reshape(len(words), -1, ROWS).transpose(0, 2, 1)
    return np.concatenate([words[:, :ROWS], pairs.reshape(len(words), -1), words[:, -ROWS:]], axis=1)


def _words(weights: np.ndarray, bias: np.ndarray, multiplier: np.ndarray) -> np.ndarray:
    """int32 (blocks, 4 + 2 * columns + 4) of int64 (O, columns), (O,) and (O,)."""
    filled = np.pad(weights, ((0, 0), (0, -weights.shape[1] % TURN)))
    blocks = filled.reshape(-1, ROWS, filled.shape[1] // 2, 2).transpose(0, 2, 1, 3)
    pairs = (blocks[..., 1] << 16) | (blocks[..., 0] & 0xFFFF)
    parts = (bias.reshape(-1, ROWS), pairs.reshape(len(pairs), -1), multiplier.reshape(-1, ROWS))
    return np.concatenate(parts, axis=1).astype(np.int32)
