"""A real transform in Q31 of any even length without a prime factor above 5, for B rows at once; twin of `stapes_mixed_rfft_q31.c`.

N real points are L = N / 2 complex ones (even samples real, odd ones imaginary), whose transform is taken apart, or put
together before the inverse. Which numbers occur, and why none overflows, is told in `quantize/mixed_rfft.py`.
"""

from __future__ import annotations

import numpy as np

from ...quantize.audio.mixed_rfft import (
    FIFTH_TURN_Q32,
    LESS_THAN_SINE_Q32,
    MORE_THAN_HALF_Q32,
    THIRD_TURN_Q32,
    MixedRfftTables,
)
from .scalar import bit_length, round_right
from .scalar import multiply_high as high_product

# Real and imaginary parts, of one shape.
Complex = tuple[np.ndarray, np.ndarray]


class MixedRfftQ31:
    """Transforms of one length."""

    def __init__(self, tables: MixedRfftTables) -> None:
        self.tables = tables
        self.length = tables.length

    def forward(self, time: np.ndarray) -> np.ndarray:
        """(B, N) int32, 2^28 at most -> (B, N / 2 + 1, 2) int64, real and imaginary part: the transform times 4 / 2^m, 2^m >= N."""
        time = np.asarray(time, np.int64)
        return _split(_cfft((time[:, 0::2], time[:, 1::2]), self.tables), self.tables)

    def inverse(self, spectrum: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(B, N / 2 + 1, 2) int32 -> (B, N) int64 and exponent (B,): the inverse, its 1 / N included, times N / 2^m * 2^(exponent - 3)."""
        spectrum = np.asarray(spectrum, np.int64)
        exponent = headroom(spectrum)
        normal = (spectrum << exponent[:, None, None]) >> 4
        real, imag = _cfft(_join(normal, self.tables), self.tables)
        return np.stack([real, imag], axis=2).reshape(len(spectrum), -1), exponent


def headroom(spectrum: np.ndarray) -> np.ndarray:
    """Left shift (B,) that every value of (B, F, 2) still holds in 32 bits: 0 to 31."""
    values = spectrum.reshape(len(spectrum), -1)
    used = np.bitwise_or.reduce(values ^ (values >> 31), axis=1)
    return 31 - bit_length(used.astype(np.uint64))


def add_high_product(c: np.ndarray, a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """c + round(a * b / 2^32), half upwards."""
    return c + high_product(a, b)


def subtract_high_product(c: np.ndarray, a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """c + round(-a * b / 2^32), half upwards."""
    return c + high_product(-a, b)


def _split(points: Complex, tables: MixedRfftTables) -> np.ndarray:
    """The transform of L complex points -> the bins 0 to L of the real ones, (B, L + 1, 2)."""
    real, imag = points
    size = real.shape[1]
    cos, sin = _pairs(tables.split_q31)
    low = np.arange(1, len(cos) + 1)
    high = size - low
    out = np.zeros((len(real), size + 1, 2), np.int64)
    sum_real, sum_imag = real[:, low] + real[:, high], imag[:, low] - imag[:, high]
    dif_real, dif_imag = real[:, low] - real[:, high], imag[:, low] + imag[:, high]
    low_real = add_high_product(subtract_high_product(sum_real >> 1, dif_real, sin), dif_imag, cos)
    low_imag = subtract_high_product(subtract_high_product(sum_imag >> 1, dif_imag, sin), dif_real, cos)
    out[:, low, 0], out[:, low, 1] = low_real, low_imag
    out[:, high, 0], out[:, high, 1] = sum_real - low_real, low_imag - sum_imag
    if size % 2 == 0:
        out[:, size // 2, 0], out[:, size // 2, 1] = real[:, size // 2], -imag[:, size // 2]
    out[:, 0, 0], out[:, size, 0] = real[:, 0] + imag[:, 0], real[:, 0] - imag[:, 0]
    return out


def _join(spectrum: np.ndarray, tables: MixedRfftTables) -> Complex:
    """The bins 0 to L, (B, L + 1, 2) -> L complex points whose transform is the inverse: place k holds that of bin -k."""
    real, imag = spectrum[..., 0], spectrum[..., 1]
    size = real.shape[1] - 1
    cos, sin = _pairs(tables.split_q31)
    low = np.arange(1, len(cos) + 1)
    high = size - low
    out_real, out_imag = np.empty((2, len(real), size), np.int64)
    sum_real, sum_imag = real[:, low] + real[:, high], imag[:, low] - imag[:, high]
    dif_real, dif_imag = real[:, low] - real[:, high], imag[:, low] + imag[:, high]
    low_real = subtract_high_product(subtract_high_product(sum_real >> 1, dif_real, sin), dif_imag, cos)
    low_imag = add_high_product(subtract_high_product(sum_imag >> 1, dif_imag, sin), dif_real, cos)
    out_real[:, high], out_imag[:, high] = low_real, low_imag
    out_real[:, low], out_imag[:, low] = sum_real - low_real, low_imag - sum_imag
    if size % 2 == 0:
        out_real[:, size // 2], out_imag[:, size // 2] = real[:, size // 2], -imag[:, size // 2]
    out_real[:, 0], out_imag[:, 0] = (real[:, 0] + real[:, size]) >> 1, (real[:, 0] - real[:, size]) >> 1
    return out_real, out_imag


def _pairs(table: np.ndarray) -> Complex:
    return table[0::2].astype(np.int64), table[1::2].astype(np.int64)


def _cfft(points: Complex, tables: MixedRfftTables) -> Complex:
    """(B, L) complex transform, divided by 2^(m - 2)."""
    real, imag = points
    batch, size = real.shape
    left, stride, place = size, 1, 0
    for radix, shift in tables.stages.reshape(-1, 2).tolist():
        left //= radix
        # Point q + stride * (p + left * j): j of the butterfly, group p, q within it.
        shape = (batch, radix, left, stride)
        split = real.reshape(shape), imag.reshape(shape)
        used = 2 * (left - 1) * (radix - 1)
        real, imag = _stage(split, radix, shift, tables.twiddle_q31[place : place + used])
        place += used
        stride *= radix
        real, imag = real.reshape(batch, size), imag.reshape(batch, size)
    return real, imag


def _stage(points: Complex, radix: int, shift: int, twiddle: np.ndarray) -> Complex:
    """(B, r, groups, stride) -> (B, groups, r, stride): butterflies, turned but for the first sum and the first group, and divided."""
    sums = _BUTTERFLIES[radix](*(np.moveaxis(part, 1, 0) for part in points))
    out_real, out_imag = np.empty((2, *sums[0][0].shape[:2], radix, points[0].shape[3]), np.int64)
    cos, sin = (part.reshape(-1, radix - 1) for part in _pairs(twiddle))
    for place, (real, imag) in enumerate(sums):
        out_real[:, :, place], out_imag[:, :, place] = round_right(real, shift), round_right(imag, shift)
        if place:
            c, s = cos[:, place - 1, None], sin[:, place - 1, None]
            real, imag = real[:, 1:], imag[:, 1:]
            out_real[:, 1:, place] = add_high_product(high_product(real, c), imag, s)
            out_imag[:, 1:, place] = subtract_high_product(high_product(imag, c), real, s)
    return out_real, out_imag


def _butterfly_2(real: np.ndarray, imag: np.ndarray) -> list[Complex]:
    """(2, B, groups, stride) -> the two sums of a transform of two points."""
    return [(real[0] + real[1], imag[0] + imag[1]), (real[0] - real[1], imag[0] - imag[1])]


def _butterfly_3(real: np.ndarray, imag: np.ndarray) -> list[Complex]:
    """(3, B, groups, stride) -> the three sums of a transform of three points."""
    sum_real, sum_imag = real[1] + real[2], imag[1] + imag[2]
    dif_real, dif_imag = real[1] - real[2], imag[1] - imag[2]
    mid_real, mid_imag = real[0] - (sum_real >> 1), imag[0] - (sum_imag >> 1)
    # The sine of a third of a turn, 1 - 0.134.
    side_real = subtract_high_product(dif_real, dif_real, THIRD_TURN_Q32)
    side_imag = subtract_high_product(dif_imag, dif_imag, THIRD_TURN_Q32)
    return [
        (real[0] + sum_real, imag[0] + sum_imag),
        (mid_real + side_imag, mid_imag - side_real),
        (mid_real - side_imag, mid_imag + side_real),
    ]


def _butterfly_4(real: np.ndarray, imag: np.ndarray) -> list[Complex]:
    """(4, B, groups, stride) -> the four sums of a transform of four points."""
    even_real, even_imag = real[0] + real[2], imag[0] + imag[2]
    odd_real, odd_imag = real[1] + real[3], imag[1] + imag[3]
    mid_real, mid_imag = real[0] - real[2], imag[0] - imag[2]
    side_real, side_imag = real[1] - real[3], imag[1] - imag[3]
    return [
        (even_real + odd_real, even_imag + odd_imag),
        (mid_real + side_imag, mid_imag - side_real),
        (even_real - odd_real, even_imag - odd_imag),
        (mid_real - side_imag, mid_imag + side_real),
    ]


def _butterfly_5(real: np.ndarray, imag: np.ndarray) -> list[Complex]:
    """(5, B, groups, stride) -> the five sums of a transform of five points."""
    (mid_real, wide_real), (mid_imag, wide_imag) = _even_fifths(real), _even_fifths(imag)
    (near_real, far_real), (near_imag, far_imag) = _odd_fifths(real), _odd_fifths(imag)
    first_real, first_imag = mid_real + wide_real, mid_imag + wide_imag
    second_real, second_imag = mid_real - wide_real, mid_imag - wide_imag
    return [
        (real[0] + (real[1] + real[4]) + (real[2] + real[3]), imag[0] + (imag[1] + imag[4]) + (imag[2] + imag[3])),
        (first_real + near_imag, first_imag - near_real),
        (second_real + far_imag, second_imag - far_real),
        (second_real - far_imag, second_imag + far_real),
        (first_real - near_imag, first_imag + near_real),
    ]


def _even_fifths(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the cosines of one and two fifths of a turn share, and by how much they differ from it: x0 - (t1 + t2) / 4, (t1 - t2) * sqrt(5) / 4."""
    near, far = x[1] + x[4], x[2] + x[3]
    wide = near - far
    return x[0] - ((near + far) >> 2), add_high_product(wide >> 1, wide, FIFTH_TURN_Q32)


def _odd_fifths(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sums with the sines of one and of two fifths of a turn: 1 - 0.049 and 1 / 2 + 0.088."""
    near, far = x[1] - x[4], x[2] - x[3]
    one = subtract_high_product(near + (far >> 1), near, LESS_THAN_SINE_Q32)
    two = add_high_product((near >> 1) - far, near, MORE_THAN_HALF_Q32)
    return add_high_product(one, far, MORE_THAN_HALF_Q32), add_high_product(two, far, LESS_THAN_SINE_Q32)


_BUTTERFLIES = {2: _butterfly_2, 3: _butterfly_3, 4: _butterfly_4, 5: _butterfly_5}
