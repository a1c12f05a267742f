"""Constants of the real transform of mixed radix, for the lengths that CMSIS-DSP has none for, and what bounds its numbers.

`mixed_rfft_tables` serves the Python path and the C exporter alike: the fields carry the names and the order of
`stapes_mixed_rfft_tables` in the C runtime. N real points are L = N / 2 complex ones. The stages are those of Stockham's
transform with decimation in frequency (Van Loan, Computational Frameworks for the Fast Fourier Transform, 1992, 1.7), which
needs no reordering. Stages of radices r1, r2, ... divide by powers of two such that r1 * r2 * ... / 2^(all shifts so far) stays
at most one, so that no complex number becomes longer than the longest one at the start: sqrt(2) * 2^28. The sum of a butterfly is
at most five times that, which 32 bits hold; the last stage divides by one bit less. `bounds` follows this through, with rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..arithmetic import INT32_MAX
from .c_struct import Int32s, UInt16, UInt16s

RADICES = (2, 3, 4, 5)
# What a sine or a cosine of a butterfly lacks to one or to one half: 1 - sqrt(3) / 2, sqrt(5) / 4 - 1 / 2, 1 - sin(72 deg),
# sin(36 deg) - 1 / 2. So each product is one instruction, and the large part of it is exact.
THIRD_TURN_Q32, FIFTH_TURN_Q32, LESS_THAN_SINE_Q32, MORE_THAN_HALF_Q32 = 575416509, 253476061, 210210662, 377034788
# |time| of the forward transform; |real or imaginary part| of a bin that the inverse has brought to 28 bits.
TIME_LIMIT, BIN_LIMIT = 2**28, 2**27
# How far the sums of a butterfly may be from the true ones, as lengths of complex numbers in last bits: to its real and to its
# imaginary part a rounded product adds up to 1/2, a half that is cut off 1/2, a quarter 3/4.
_BUTTERFLY_ERROR = {
    2: 0.0,
    3: math.sqrt(2.0) * (1 / 2 + 1 / 2),
    4: 0.0,
    5: math.sqrt(2.0) * (3 / 4 + 2 * 1 / 2 + 3 * 1 / 2),
}
# Two rounded products, to the real and to the imaginary part each.
_TURNED_ERROR = math.sqrt(2.0) * (1 / 2 + 1 / 2)


@dataclass(frozen=True, eq=False)
class MixedRfftTables:
    """Constants of a real transform of `length` points, an even number with no prime factor above 5.

    stages (2 * count,) uint16: radix and shift in turn; twiddle_q31 int32: for each stage but the last, for each group p from 1
    on, r - 1 pairs cos and sin of 2 pi p j / n, times 2^(32 - shift) instead of 2^31; split_q31 int32: for k from 1 to (L - 1) / 2
    pairs cos and sin of 2 pi k / N.
    """

    c_name: ClassVar[str] = "stapes_mixed_rfft_tables"

    length: UInt16
    stage_count: UInt16
    stages: UInt16s
    twiddle_q31: Int32s
    split_q31: Int32s


def radices(points: int) -> tuple[int, ...]:
    """Radices of a complex transform of `points`: a four first, whose loop over single points is the cheapest, then rising."""
    factors = []
    for radix in (4, 2, 3, 5):
        while points % radix == 0:
            factors.append(radix)
            points //= radix
    return (*factors[:1], *sorted(factors[1:]))


def log2_ceiling(number: int) -> int:
    """The least k with 2^k >= number."""
    return (number - 1).bit_length()


def shifts(factors: tuple[int, ...]) -> tuple[int, ...]:
    """Bits by which each stage divides: in all the logarithm of the number of points, rounded up, less one."""
    totals = [log2_ceiling(math.prod(factors[: stage + 1])) for stage in range(len(factors))]
    totals[-1] -= 1
    return tuple(total - before for before, total in zip([0, *totals], totals, strict=False))


def _fixed(values: np.ndarray, bits: int) -> np.ndarray:
    return np.minimum(np.floor(values * 2.0**bits + 0.5), INT32_MAX).astype(np.int32)


def _cos_sin(turns: np.ndarray, bits: int) -> np.ndarray:
    """(n,) parts of a full circle -> (2 * n,) int32, cos and sin in turn."""
    angles = 2.0 * np.pi * turns
    return _fixed(np.stack([np.cos(angles), np.sin(angles)], axis=1).reshape(-1), bits)


def mixed_rfft_tables(length: int) -> MixedRfftTables:
    """Tables of the real transform of `length` points, which `mixed_length` accepts."""
    points = length // 2
    factors = radices(points)
    amounts = shifts(factors)
    twiddle, left = [np.zeros(0, np.int32)], points
    for radix, shift in zip(factors[:-1], amounts, strict=False):
        turns = np.outer(np.arange(1, left // radix), np.arange(1, radix)) / left
        twiddle.append(_cos_sin(turns.reshape(-1), 32 - shift))
        left //= radix
    tables = MixedRfftTables(
        length=length,
        stage_count=len(factors),
        stages=np.array([factors, amounts], np.uint16).T.reshape(-1),
        twiddle_q31=np.concatenate(twiddle),
        split_q31=_cos_sin(np.arange(1, (points + 1) // 2) / length, 31),
    )
    for table in (tables.stages, tables.twiddle_q31, tables.split_q31):
        table.flags.writeable = False
    return tables


@dataclass(frozen=True)
class Bounds:
    """Of every transform of one length, over all inputs: the largest number on the way, and the largest error of a complex value.

    Errors are in last bits of the result, against the true transform of the same integers; the inverse is bounded over the input
    after it has used its room.
    """

    largest: float
    forward_error: float
    inverse_error: float


def bounds(length: int) -> Bounds:
    """Bounds of the transform of `length` points, stage by stage."""
    # A sum of four parts is taken apart into halves: |X| = |(Z + Z') / 2 + w (Z - Z') / 2| <= |Z| + |Z'|, each half cut off to 1/2.
    apart = math.sqrt(2.0) * (1 / 2 + 2 * 1 / 2)
    longest, error, largest = _through_stages(length, math.sqrt(2.0) * TIME_LIMIT, 0.0)
    forward_error = 2.0 * error + apart + _of_constants(2.0 * longest, 31)
    largest = max(largest, 2.0 * longest + forward_error)
    # Bins are cut off to BIN_LIMIT: an error below one in each part, and two of them meet twice.
    joined = 2.0 * BIN_LIMIT
    error = 2.0 * math.sqrt(2.0) + apart + _of_constants(2.0 * math.sqrt(2.0) * BIN_LIMIT, 31)
    longest, inverse_error, way = _through_stages(length, joined, error)
    return Bounds(max(largest, way, longest), forward_error, inverse_error)


def _through_stages(length: int, longest: float, error: float) -> tuple[float, float, float]:
    """Length of the longest complex number at the end, its error, and the largest sum on the way."""
    factors = radices(length // 2)
    largest = 0.0
    for radix, shift in zip(factors, shifts(factors), strict=True):
        largest = max(largest, radix * (longest + error) + _BUTTERFLY_ERROR[radix])
        # The turned sums have the larger error; a table's entry is off by half a last bit of 2^(32 - shift).
        made = (radix * error + _BUTTERFLY_ERROR[radix]) / 2.0**shift + _TURNED_ERROR
        error = made + _of_constants(radix * longest / 2.0**shift, 32 - shift)
        longest *= radix / 2.0**shift
    return longest, error, largest


def _of_constants(product: float, bits: int) -> float:
    """Error of a product of that size with a cosine and a sine of so many bits; one itself is stored a last bit short."""
    return math.sqrt(2.0) * product / 2.0**bits
