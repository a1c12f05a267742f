"""Rounding and multipliers: the C functions give the integers of `quantize.arithmetic`."""

import ctypes
import itertools

import numpy as np
import pytest
from stapes.export.c.runtime import runtime_file, runtime_includes
from stapes.quantize import arithmetic
from stapes.quantize.tables import SIGMOID_Q16

from tests.export.programs import BUILDS, compile_files, compiler

SOURCE = """
#include "stapes_arithmetic.h"
#include "stapes_matrices.h"
#define EACH(name, call) void name(int32_t size, const int32_t *a, const int32_t *b, const int32_t *c, int32_t *y); \\
    void name(int32_t size, const int32_t *a, const int32_t *b, const int32_t *c, int32_t *y) \\
    { for (int32_t i = 0; i < size; i++) { y[i] = call; } (void)a; (void)b; (void)c; }
EACH(high_mul, stapes_saturating_rounding_doubling_high_mul(a[i], b[i]))
EACH(divide, stapes_rounding_divide_by_pot(a[i], b[i]))
EACH(twice, stapes_requantise_double(a[i], b[i], c[i]))
EACH(once, stapes_requantise_64(a[i], b[i], c[i]))
EACH(clamp_offset, stapes_clamp_offset(a[i], 5, b[i], c[i]))
"""
EXTREMES = [-(2**31), -(2**31) + 1, -(2**30), -65536, -3, -2, -1, 0, 1, 2, 3, 65535, 2**30, 2**31 - 2, 2**31 - 1]


@pytest.fixture(scope="module", params=list(BUILDS))
def call(request, tmp_path_factory):
    """Function (name, a, b, c) -> y over int32 arrays."""
    folder = tmp_path_factory.mktemp("arithmetic")
    source = folder / "shim.c"
    source.write_text(SOURCE)
    library = folder / "shim.so"
    command = [*compiler(request.param), *runtime_includes()]
    compile_files(command, [source, runtime_file("stapes_sigmoid_table.c")], library, "-shared")
    c = ctypes.CDLL(str(library))

    def call(name, *columns):
        columns = [np.ascontiguousarray(column, np.int32) for column in columns]
        columns += [columns[0]] * (3 - len(columns))
        y = np.empty_like(columns[0])
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (*columns, y)]
        getattr(c, name)(ctypes.c_int32(y.size), *pointers)
        return y.astype(np.int64)

    call.library = c
    return call


def grid(*axes):
    """All combinations of the axes, as columns."""
    return [np.array(column, np.int64) for column in zip(*itertools.product(*axes), strict=True)]


def random_int32(rng, size):
    """Integers of every magnitude."""
    return rng.integers(-(2**31), 2**31, size) >> rng.integers(0, 32, size)


def test_high_mul_agrees_everywhere(call):
    a, b = grid(EXTREMES, EXTREMES)
    rng = np.random.default_rng(1)
    a, b = np.r_[a, random_int32(rng, 100_000)], np.r_[b, random_int32(rng, 100_000)]
    assert (call("high_mul", a, b) == arithmetic.saturating_rounding_doubling_high_mul(a, b)).all()


def test_division_by_a_power_of_two_agrees_for_every_exponent(call):
    rng = np.random.default_rng(2)
    x, exponent = grid([*EXTREMES, *random_int32(rng, 2000)], range(32))
    assert (call("divide", x, exponent) == arithmetic.rounding_divide_by_pot(x, exponent)).all()


def test_requantising_with_two_roundings_agrees_for_every_shift(call):
    rng = np.random.default_rng(3)
    multipliers = [2**30, 2**30 + 1, 1518500250, 2**31 - 1, *rng.integers(2**30, 2**31, 5)]
    x, multiplier, shift = grid([*EXTREMES, *random_int32(rng, 300)], multipliers, range(-31, 31))
    assert (call("twice", x, multiplier, shift) == arithmetic.requantise_double(x, multiplier, shift)).all()


def test_requantising_with_one_rounding_agrees_where_the_result_fits(call):
    rng = np.random.default_rng(4)
    multipliers = [2**30, 0x7FFEFFFF, 0x7FFF0000, 2**31 - 1, *rng.integers(2**30, 2**31, 5)]
    x, multiplier, shift = grid([*EXTREMES, *random_int32(rng, 300)], multipliers, range(-31, 15))
    expected = arithmetic.requantise_64(x, multiplier, shift)
    fits = np.abs(expected) < 2**31
    assert fits.mean() > 0.5
    assert (call("once", x[fits], multiplier[fits], shift[fits]) == expected[fits]).all()


def test_the_clamp_with_an_offset_never_overflows(call):
    x, low, high = grid(EXTREMES, [-128, -32768, 5], [127, 32767, 6])
    assert (call("clamp_offset", x, low, high) == np.clip(x + 5, low, high)).all()


def test_the_sigmoid_table_is_the_one_of_python(call):
    """Values less 2^15 with the steps between them, and where the curves of LOGISTIC and TANH end."""
    table = np.array((ctypes.c_uint32 * 257).in_dll(call.library, "stapes_sigmoid_steps"), np.int64)
    np.testing.assert_array_equal(table[:255] & 0xFFFF, SIGMOID_Q16[:255] - 2**15)
    np.testing.assert_array_equal(table[:255] >> 16, np.diff(SIGMOID_Q16))
    assert list(table[255:]) == [32766, 32767]
