"""The real transform of CMSIS-DSP in Q31, forward and inverse, bit for bit, for B rows at once.

Radix-4 decimation in frequency with fixed scaling; `arm_rfft_q31` of CMSIS-DSP 1.10 without NEON or MVE is the oracle.
The `cmsisdsp` wheel does the work where it computes these bits; where it is built on NEON (whose transform is another
one), the definition below does. B rows, N points, L = N / 2 complex points.
"""

from __future__ import annotations

import functools

import numpy as np

from ...quantize.audio.rfft import RfftTables, rfft_tables
from .scalar import multiply_high


class RfftQ31:
    """Transforms of one length; `use_wheel=False` forces the definition in numpy."""

    def __init__(self, tables: RfftTables, use_wheel: bool = True) -> None:
        self.tables = tables
        self.length = tables.length
        self._wheel = _Wheel(tables.length) if use_wheel and wheel_has_these_bits() else None

    def forward(self, time_q31: np.ndarray) -> np.ndarray:
        """(B, N) int32 -> (B, N / 2 + 1, 2) int64, real and imaginary part, scaled by 1 / N."""
        if self._wheel is not None:
            return self._wheel.forward(time_q31)
        return _rfft(np.asarray(time_q31, np.int64), self.tables)

    def inverse(self, spectrum_q31: np.ndarray) -> np.ndarray:
        """(B, N / 2 + 1, 2) int32 -> (B, N) int64: the inverse transform, its 1 / N included."""
        if self._wheel is not None:
            return self._wheel.inverse(spectrum_q31)
        return _irfft(np.asarray(spectrum_q31, np.int64), self.tables)


class _Wheel:
    """The transforms of the `cmsisdsp` package, row by row."""

    def __init__(self, length: int) -> None:
        import cmsisdsp

        self.run = cmsisdsp.arm_rfft_q31
        self.instances = []
        for inverse in (0, 1):
            instance = cmsisdsp.arm_rfft_instance_q31()
            cmsisdsp.arm_rfft_init_q31(instance, length, inverse, 1)
            self.instances.append(instance)

    def forward(self, time_q31: np.ndarray) -> np.ndarray:
        rows = np.ascontiguousarray(time_q31, np.int32)
        out = np.empty((len(rows), rows.shape[1] + 2), np.int64)
        for row, target in zip(rows, out, strict=True):
            target[:] = self.run(self.instances[0], row)[: len(target)]
        return out.reshape(len(rows), -1, 2)

    def inverse(self, spectrum_q31: np.ndarray) -> np.ndarray:
        rows = np.ascontiguousarray(spectrum_q31.reshape(len(spectrum_q31), -1), np.int32)
        out = np.empty((len(rows), rows.shape[1] - 2), np.int64)
        for row, target in zip(rows, out, strict=True):
            target[:] = self.run(self.instances[1], row)
        return out


@functools.cache
def wheel_has_these_bits() -> bool:
    """Whether the installed `cmsisdsp` computes the transform defined here, tried on seeded noise in both directions."""
    noise = np.random.default_rng(0).integers(-(2**29), 2**29, (4, 128))
    tables = rfft_tables(128)
    spectrum = _rfft(noise, tables)
    try:
        wheel = _Wheel(128)
        return np.array_equal(wheel.forward(noise), spectrum) and np.array_equal(
            wheel.inverse(spectrum), _irfft(spectrum, tables)
        )
    except (ImportError, TypeError, ValueError, AttributeError):
        return False


def _rfft(time: np.ndarray, tables: RfftTables) -> np.ndarray:
    """Half as many complex points as real ones, then the two interleaved halves split apart."""
    real, imag = _cfft(time[:, 0::2], time[:, 1::2], tables, 1)
    a1, a2 = _pairs(tables.split_a_q31[2:])
    b1 = tables.split_b_q31[2::2].astype(np.int64)
    pr, pi, qr, qi = real[:, 1:], imag[:, 1:], real[:, :0:-1], imag[:, :0:-1]
    out = np.zeros((len(time), real.shape[1] + 1, 2), np.int64)
    out[:, 1:-1, 0] = _sum_high((pr, a1), (pi, -a2), (qi, -a2), (qr, b1))
    out[:, 1:-1, 1] = _sum_high((pr, a2), (pi, a1), (qi, -b1), (qr, -a2))
    out[:, 0, 0] = (real[:, 0] + imag[:, 0]) >> 1
    out[:, -1, 0] = (real[:, 0] - imag[:, 0]) >> 1
    return out


def _irfft(spectrum: np.ndarray, tables: RfftTables) -> np.ndarray:
    """The halves joined into complex points, an inverse transform of those, and the bit that the joining cost."""
    a1, a2 = _pairs(tables.split_a_q31)
    b1 = tables.split_b_q31[::2].astype(np.int64)
    pr, pi = spectrum[:, :-1, 0], spectrum[:, :-1, 1]
    qr, qi = spectrum[:, :0:-1, 0], spectrum[:, :0:-1, 1]
    joined_real = _sum_high((pr, a1), (pi, a2), (qi, a2), (qr, b1))
    joined_imag = _sum_high((pr, -a2), (pi, a1), (qi, -b1), (qr, a2))
    real, imag = _cfft(joined_real, joined_imag, tables, -1)
    time = np.stack([real, imag], axis=2).reshape(len(spectrum), -1)
    return np.clip(time << 1, -(2**31), 2**31 - 1)


def _pairs(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return table[0::2].astype(np.int64), table[1::2].astype(np.int64)


def _sum_high(*factors: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Sum of the rounded high halves of products."""
    return np.sum([multiply_high(a, b) for a, b in factors], axis=0)


def _cfft(real: np.ndarray, imag: np.ndarray, tables: RfftTables, sign: int) -> tuple[np.ndarray, np.ndarray]:
    """(B, L) complex transform, `sign` 1 forward and -1 inverse, scaled by 1 / L; radix 4, with one radix-2 stage for odd log2 L."""
    points = real.shape[1]
    cos, sin = _pairs(tables.twiddle_q31)
    real, imag = real[:, None], imag[:, None]  # (B, groups, points of a group)
    odd = points.bit_length() % 2 == 0
    if odd:
        real, imag = _radix_2(real, imag, cos, sin, sign)
    real, imag = real >> 4, imag >> 4
    first = True
    while real.shape[2] > 4:
        real, imag = _radix_4(real, imag, cos, sin, sign, first)
        first = False
    real, imag = (part.reshape(len(part), points) << odd for part in _last_radix_4(real, imag, sign))
    order = _bit_reversed(points)
    return real[:, order], imag[:, order]


@functools.cache
def _bit_reversed(points: int) -> np.ndarray:
    bits = points.bit_length() - 1
    return np.array([int(f"{place:0{bits}b}"[::-1], 2) for place in range(points)])


def _radix_2(
    real: np.ndarray, imag: np.ndarray, cos: np.ndarray, sin: np.ndarray, sign: int
) -> tuple[np.ndarray, np.ndarray]:
    """(B, 1, L) -> (B, 2, L / 2), a quarter of the sum and of the rotated difference."""
    half = real.shape[2] // 2
    real, imag = real >> 2, imag >> 2
    xt, yt = real[..., :half] - real[..., half:], imag[..., :half] - imag[..., half:]
    cos, sin = cos[:half], sin[:half]
    rotated_real = _sum_high((xt, cos), (yt, sign * sin)) << 1
    rotated_imag = _sum_high((yt, cos), (xt, -sign * sin)) << 1
    return (
        np.concatenate([real[..., :half] + real[..., half:], rotated_real], axis=1),
        np.concatenate([imag[..., :half] + imag[..., half:], rotated_imag], axis=1),
    )


def _butterfly(real: np.ndarray, imag: np.ndarray, sign: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """(B, G, 4, n) -> the four sums of a radix-4 butterfly, each (B, G, n), in the order in which they are stored."""
    (xa, xb, xc, xd), (ya, yb, yc, yd) = (np.moveaxis(part, 2, 0) for part in (real, imag))
    x_even, x_odd, y_even, y_odd = xa + xc, xb + xd, ya + yc, yb + yd
    x_diff, y_diff, x_turn, y_turn = xa - xc, ya - yc, sign * (yb - yd), sign * (xb - xd)
    return (
        [x_even + x_odd, x_even - x_odd, x_diff + x_turn, x_diff - x_turn],
        [y_even + y_odd, y_even - y_odd, y_diff - y_turn, y_diff + y_turn],
    )


def _radix_4(
    real: np.ndarray, imag: np.ndarray, cos: np.ndarray, sin: np.ndarray, sign: int, first: bool
) -> tuple[np.ndarray, np.ndarray]:
    """(B, G, n) -> (B, 4 * G, n / 4): a butterfly and three rotations, cut off; all stages but the first divide by 4."""
    batch, groups, size = real.shape
    quarter = size // 4
    xs, ys = _butterfly(real.reshape(batch, groups, 4, quarter), imag.reshape(batch, groups, 4, quarter), sign)
    # The table holds three quarters of a circle in steps of 2 pi / L; this stage turns in steps of 2 pi / size.
    step = len(cos) * 4 // 3 // size
    out_real, out_imag = np.empty((2, batch, groups, 4, quarter), np.int64)
    out_real[:, :, 0], out_imag[:, :, 0] = (xs[0], ys[0]) if first else (xs[0] >> 2, ys[0] >> 2)
    for place, multiple in ((1, 2), (2, 1), (3, 3)):
        index = np.arange(quarter) * (multiple * step)
        co, si = cos[index], sin[index]
        rotated_real = ((xs[place] * co) >> 32) + sign * ((ys[place] * si) >> 32)
        rotated_imag = ((ys[place] * co) >> 32) - sign * ((xs[place] * si) >> 32)
        out_real[:, :, place] = rotated_real << 1 if first else rotated_real >> 1
        out_imag[:, :, place] = rotated_imag << 1 if first else rotated_imag >> 1
    return out_real.reshape(batch, -1, quarter), out_imag.reshape(batch, -1, quarter)


def _last_radix_4(real: np.ndarray, imag: np.ndarray, sign: int) -> tuple[np.ndarray, np.ndarray]:
    """(B, G, 4) -> the same shape: butterflies without rotation."""
    xs, ys = _butterfly(real[..., None], imag[..., None], sign)
    return np.concatenate(xs, axis=2), np.concatenate(ys, axis=2)
