"""Integer square root, logarithm, power, division: C equals Python, and both are as near to the truth as is said."""

import ctypes
import math

import numpy as np
import pytest
from stapes.firmware_sim.audio import scalar
from stapes.quantize.audio.log2_table import EXP2_Q29, LOG2_Q16

from tests.firmware_sim.audio_c import BUILDS, pointer_to

pytestmark = pytest.mark.parametrize("build", BUILDS)


def some_uint32(count=200_000):
    rng = np.random.default_rng(0)
    every_size = rng.integers(0, 2**32, count, dtype=np.uint64) >> rng.integers(0, 32, count, dtype=np.uint64)
    roots = np.arange(2**16, dtype=np.uint64) ** 2
    edges = np.concatenate([roots, roots[1:] - 1, roots + 1, [2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1]])
    return np.concatenate([every_size, edges, np.arange(2000, dtype=np.uint64)]).astype(np.uint32)


def some_uint64(count=200_000):
    rng = np.random.default_rng(1)
    every_size = rng.integers(0, 2**64, count, dtype=np.uint64) >> rng.integers(0, 64, count, dtype=np.uint64)
    powers = np.uint64(1) << np.arange(64, dtype=np.uint64)
    return np.concatenate([every_size, powers, powers - np.uint64(1), powers + np.uint64(1)])


def test_isqrt_is_the_floor_of_the_root(audio_library, build):
    x, y = some_uint32(), np.empty(0, np.uint32)
    y = np.empty_like(x)
    ctypes.CDLL(str(audio_library(build))).scalar_isqrt(len(x), pointer_to(x), pointer_to(y))
    wide = x.astype(np.uint64)
    root = scalar.isqrt(wide)
    assert np.array_equal(y, root)
    assert np.array_equal(root[-3000:], [math.isqrt(int(value)) for value in x[-3000:]])
    root = root.astype(np.uint64)
    assert (root * root <= wide).all()
    assert ((root + 1) * (root + 1) > wide).all()


def test_isqrt_of_64_bits_is_the_floor_of_the_root(audio_library, build):
    rng = np.random.default_rng(3)
    roots = rng.integers(2**16, 3_037_000_499, 100_000).astype(np.uint64)
    x = np.concatenate(
        [some_uint64() >> np.uint64(1), some_uint32().astype(np.uint64), roots**2, roots**2 - np.uint64(1)]
    )
    x = np.concatenate([x, (roots + np.uint64(1)) ** 2 - np.uint64(1)])
    y = np.empty(len(x), np.uint32)
    ctypes.CDLL(str(audio_library(build))).scalar_isqrt_64(len(x), pointer_to(x), pointer_to(y))
    assert np.array_equal(y, scalar.isqrt_64(x))
    root = y.astype(np.uint64)
    assert (root * root <= x).all()
    assert ((root + np.uint64(1)) ** 2 > x).all()
    some = slice(None, None, 997)
    assert y[some].tolist() == [math.isqrt(value) for value in x[some].tolist()]


def test_log2_interpolates_the_table(audio_library, build):
    x = np.maximum(some_uint32(), 1)
    y = np.empty(len(x), np.int32)
    ctypes.CDLL(str(audio_library(build))).scalar_log2_q16(len(x), pointer_to(x), pointer_to(y))
    assert np.array_equal(y, scalar.log2_q16(x))
    assert np.abs(y / 2**16 - np.log2(x)).max() < 2.7e-5


def test_exp2_interpolates_the_table(audio_library, build):
    x = np.arange(-20 << 16, (10 << 16) + 1, dtype=np.int32)
    y = np.empty(len(x), np.int32)
    ctypes.CDLL(str(audio_library(build))).scalar_exp2_q20(len(x), pointer_to(x), pointer_to(y))
    assert np.array_equal(y, scalar.exp2_q20(x.astype(np.int64)))
    truth = np.exp2(x / 2**16) * 2**20
    assert (np.abs(y - truth) <= 4e-6 * truth + 0.51).all()


def test_normalise_keeps_the_leading_32_bits(audio_library, build):
    x = some_uint64()
    mantissa, exponent = np.empty(len(x), np.uint32), np.empty(len(x), np.int32)
    c = ctypes.CDLL(str(audio_library(build)))
    c.scalar_normalise(len(x), pointer_to(x), pointer_to(mantissa), pointer_to(exponent))
    expected_mantissa, expected_exponent = scalar.normalise(x)
    assert np.array_equal(mantissa, expected_mantissa)
    assert np.array_equal(exponent, expected_exponent)
    for value, m, e in zip(x[-300:].tolist(), mantissa[-300:].tolist(), exponent[-300:].tolist(), strict=True):
        assert e == value.bit_length() - 32
        assert m == (value >> e if e > 0 else value << -e)


@pytest.mark.parametrize(("fraction_bits", "limit"), [(24, 40 << 24), (30, 1 << 30), (24, 1 << 30)])
def test_ratio_is_the_quotient_to_16_bits(audio_library, build, fraction_bits, limit):
    numerator = some_uint64()
    denominator = np.maximum(np.random.default_rng(2).permutation(numerator), np.uint64(1))
    y = np.empty(len(numerator), np.int32)
    c = ctypes.CDLL(str(audio_library(build)))
    c.scalar_ratio(len(y), pointer_to(numerator), pointer_to(denominator), fraction_bits, limit, pointer_to(y))
    parts = scalar.normalise(numerator), scalar.normalise(denominator)
    assert np.array_equal(y, scalar.ratio(*parts, fraction_bits, limit))
    truth = np.minimum(numerator / denominator * 2.0**fraction_bits, limit)
    assert (np.abs(y - truth) <= 4e-5 * truth + 1).all()


def test_the_tables_of_c_are_those_of_python(audio_library, build):
    c = ctypes.CDLL(str(audio_library(build)))
    for name, table in (("stapes_log2_q16_table", LOG2_Q16), ("stapes_exp2_q29_table", EXP2_Q29)):
        assert np.array_equal((ctypes.c_uint32 * 129).in_dll(c, name), table)
