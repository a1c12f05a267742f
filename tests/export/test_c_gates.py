"""The shortened sums, products and curves of a fused GRU give the integers of the operators that they stand for."""

import ctypes
from dataclasses import replace

import numpy as np
import pytest
from stapes.export.c.gru import aligned_add, quick_add, quick_mul
from stapes.export.c.runtime import runtime_file, runtime_includes
from stapes.firmware_sim.kernels.add import add
from stapes.firmware_sim.kernels.mul import mul
from stapes.firmware_sim.kernels.sigmoid import interpolate
from stapes.quantize.arithmetic import quantize_multiplier
from stapes.quantize.prepare import AddParams, MulParams, SigmoidParams

from tests.export.programs import BUILDS, compile_files, compiler

SOURCE = """
#include "stapes_elementwise.h"
#define EACH(name, type, call) void name(const type *p, int32_t size, const int32_t *a, const int32_t *b, int32_t *y); \\
    void name(const type *p, int32_t size, const int32_t *a, const int32_t *b, int32_t *y) \\
    { for (int32_t i = 0; i < size; i++) { y[i] = call; } (void)b; (void)p; }
EACH(aligned_add, stapes_aligned_add_params, stapes_aligned_add(p, a[i], b[i]))
EACH(quick_add, stapes_quick_add_params,
     stapes_quick_add(p, p->second_is_exact ? b[i] : a[i], p->second_is_exact ? a[i] : b[i]))
EACH(quick_mul, stapes_quick_mul_params, stapes_quick_mul(p, a[i], b[i]))
EACH(logistic, stapes_sigmoid_params, stapes_logistic(p, a[i]))
EACH(tanh_, stapes_sigmoid_params, stapes_tanh(p, a[i]))
EACH(half, stapes_sigmoid_params, stapes_half(a[i]))
"""


@pytest.fixture(scope="module", params=list(BUILDS))
def call(request, tmp_path_factory):
    """Function (name, fields of the struct, a, b) -> y."""
    folder = tmp_path_factory.mktemp("gates")
    source = folder / "shim.c"
    source.write_text(SOURCE)
    command = [*compiler(request.param), *runtime_includes()]
    tables = [runtime_file(f"stapes_{name}_table.c") for name in ("sigmoid", "gate")]
    compile_files(command, [source, *tables], folder / "shim.so", "-shared")
    c = ctypes.CDLL(str(folder / "shim.so"))

    def call(name, fields, a, b=None):
        columns = [np.ascontiguousarray(column, np.int32) for column in (a, a if b is None else b)]
        struct = np.array([int(value) for value in fields], np.int32)
        y = np.empty_like(columns[0])
        given = [array.ctypes.data_as(ctypes.c_void_p) for array in (struct, *columns, y)]
        getattr(c, name)(given[0], ctypes.c_int32(y.size), *given[1:])
        return y.astype(np.int64)

    call.library = c
    return call


def pairs_of_int8():
    every = np.arange(-128, 128)
    return np.repeat(every, 256), np.tile(every, 256)


def pairs_of_int16():
    edge = np.array([-32768, -32767, -1, 0, 1, 32766, 32767])
    rng = np.random.default_rng(0)
    a = np.r_[np.repeat(edge, 7), rng.integers(-32768, 32768, 50_000)]
    return a, np.r_[np.tile(edge, 7), rng.integers(-32768, 32768, 50_000)]


@pytest.mark.parametrize(("shift_1", "shift_2", "output_shift"), [(0, 0, -14), (-1, 0, -12), (0, -13, -20), (-5, 0, 0)])
def test_the_add_of_powers_of_two_is_the_general_one(call, shift_1, shift_2, output_shift):
    params = AddParams(15, 0, 2**30, shift_1, 0, 2**30, shift_2, 2**30, output_shift, 0, -32768, 32767, False)
    fields = aligned_add(params)
    assert fields is not None
    a, b = pairs_of_int16()
    np.testing.assert_array_equal(call("aligned_add", fields.values(), a, b), add(params, a, b))


def add_of_int8(scale_1, zero_point_1, scale_2, zero_point_2, scale, zero_point):
    twice = 2 * max(scale_1, scale_2)
    first, second = quantize_multiplier(scale_1 / twice), quantize_multiplier(scale_2 / twice)
    output = quantize_multiplier(twice / (2**20 * scale))
    return AddParams(20, zero_point_1, *first, zero_point_2, *second, *output, zero_point, -128, 127, False)


def test_the_quick_add_is_the_general_one_for_all_pairs(call):
    a, b = pairs_of_int8()
    rng = np.random.default_rng(1)
    cases = [add_of_int8(0.03, 127, 0.03, -128, 0.05, -128), add_of_int8(0.03, -128, 0.0299, 127, 0.001, 127)]
    for _ in range(40):
        scales, points = 2.0 ** rng.uniform(-9, -3, 3), rng.integers(-128, 128, 3)
        cases.append(add_of_int8(scales[0], points[0], scales[1], points[1], scales[2], points[2]))
    for params in cases:
        fields = quick_add(params)
        assert fields is not None
        np.testing.assert_array_equal(call("quick_add", fields.values(), a, b), add(params, a, b))


def test_the_quick_product_is_the_general_one_for_all_pairs(call):
    a, b = pairs_of_int8()
    rng = np.random.default_rng(2)
    for _ in range(40):
        multiplier = quantize_multiplier(2.0 ** rng.uniform(-12, -2.01))
        params = MulParams(-128, int(rng.integers(-128, 128)), *multiplier, int(rng.integers(-128, 128)), -128, 127)
        fields = quick_mul(params)
        assert fields is not None
        np.testing.assert_array_equal(call("quick_mul", fields.values(), a, b), mul(params, a, b))


@pytest.mark.parametrize("tanh", [False, True])
@pytest.mark.parametrize(("multiplier", "shift"), [(3, 0), (6, 0), (16777, 9), (32767, 14), (16383, 31), (24000, 0)])
def test_the_curves_are_those_of_the_operators_for_all_inputs(call, multiplier, shift, tanh):
    x = np.arange(-32768, 32768)
    made = call("tanh_" if tanh else "logistic", (multiplier, shift, tanh), x)
    np.testing.assert_array_equal(made, interpolate(SigmoidParams(multiplier, shift, tanh), x))


@pytest.mark.parametrize(("tanh", "offset", "shift", "bits"), [(False, 2**23 + 256, 9, 15), (True, 128, 8, 16)])
def test_the_lines_of_a_grouped_cell_are_the_curves_of_the_operators(call, tanh, offset, shift, bits):
    """As stapes_gru_cell_s16 reads them, in 16 bits of the position and 24 of the result; sums need not be saturated."""
    table = np.array((ctypes.c_uint32 * 1024).in_dll(call.library, "stapes_gate_lines"), np.int64).reshape(2, 512)
    x = np.arange(-(2**17), 2**17)
    position = 3 * x
    line = table[int(tanh)][np.clip(position >> 8, -256, 255) + 256]
    first, slope, low = (((value & 0xFFFF) ^ 0x8000) - 0x8000 for value in (line, line >> 16, position))
    made = (256 * first + slope * low + offset + (position >> 31)) >> shift & (2**bits - 1)
    wanted = interpolate(SigmoidParams(3 if tanh else 6, 0, tanh), np.clip(x, -32768, 32767))
    np.testing.assert_array_equal(made, wanted & (2**bits - 1))


def test_halves_round_away_from_zero(call):
    x = np.arange(-65536, 65536)
    np.testing.assert_array_equal(call("half", (0, 0, 0), x), np.sign(x) * ((np.abs(x) + 1) // 2))


def test_other_operators_are_not_shortened():
    plain = AddParams(15, 0, 2**30, 0, 0, 2**30, 0, 2**30, -14, 0, -32768, 32767, False)
    assert aligned_add(plain) is not None
    changes = [{"multiplier_1_q31": 2**30 + 1}, {"shift_2": -14}, {"activation_min": 0}, {"subtract": True}]
    for change in (*changes, {"output_shift": 0}):
        assert aligned_add(replace(plain, **change)) is None
    plain = add_of_int8(0.03, 1, 0.02, 2, 0.05, 3)
    assert quick_add(plain) is not None
    for change in ({"shift_1": -1}, {"output_shift": -1}, {"activation_min": 3}, {"subtract": True}):
        assert quick_add(replace(plain, **change)) is None
    product = MulParams(-128, 0, 2**30, -7, 0, -128, 127)
    assert quick_mul(product) is not None
    for change in ({"zero_point_1": 0}, {"shift": -1}, {"activation_min": 0}):
        assert quick_mul(replace(product, **change)) is None
