"""Rounding and multipliers: the edges by hand, and everything else against the definitions in exact integers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from stapes.quantize.arithmetic import (
    INT32_MAX,
    INT32_MIN,
    quantize_multiplier,
    reduced_multiplier_q15,
    requantise_64,
    requantise_64_of_float,
    requantise_double,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
    wrap_int32,
)

HALF = 1 << 30


@pytest.mark.parametrize(
    ("real", "expected"),
    [
        (0.0, (0, 0)),
        (1.0, (HALF, 1)),
        (0.5, (HALF, 0)),
        (0.25, (HALF, -1)),
        (2.0**-15, (HALF, -14)),
        (3.0, (3 << 29, 2)),
        (-0.5, (-HALF, 0)),
        # Halves round away from zero.
        (0.5 + 2.0**-32, (HALF + 1, 0)),
        (-0.5 - 2.0**-32, (-HALF - 1, 0)),
        (0.5 + 2.0**-33, (HALF, 0)),
        # Just below a power of two the mantissa rounds up to one and is halved.
        (1.0 - 2.0**-31, (INT32_MAX, 0)),
        (1.0 - 2.0**-32, (HALF, 1)),
        (1.0 - 2.0**-53, (HALF, 1)),
        # Below 2**-32 nothing is left.
        (2.0**-32, (HALF, -31)),
        (2.0**-33, (0, 0)),
        (1e-300, (0, 0)),
    ],
)
def test_a_real_multiplier_has_these_31_bits_and_shift(real: float, expected: tuple[int, int]):
    assert quantize_multiplier(real) == expected


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (0, 0),
        (INT32_MAX, INT32_MAX),
        (INT32_MAX + 1, INT32_MIN),
        (INT32_MIN - 1, INT32_MAX),
        (2**32 + 5, 5),
        (-(2**40) - 7, -7),
    ],
)
def test_int32_wraps(x: int, expected: int):
    assert wrap_int32(np.array(x)) == expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (INT32_MIN, INT32_MIN, INT32_MAX),
        (INT32_MIN, INT32_MAX, -INT32_MAX),
        (INT32_MAX, INT32_MAX, INT32_MAX - 1),
        (INT32_MIN, HALF, -HALF),
        # Exact halves go upwards: 0.5 to 1, -0.5 to 0, -1.5 to -1.
        (1, HALF, 1),
        (-1, HALF, 0),
        (3, HALF, 2),
        (-3, HALF, -1),
    ],
)
def test_high_multiplication_rounds_halves_upwards_and_saturates(a: int, b: int, expected: int):
    assert saturating_rounding_doubling_high_mul(np.array(a), np.array(b)) == expected


@pytest.mark.parametrize(
    ("x", "exponent", "expected"),
    [
        (1, 1, 1),
        (-1, 1, -1),
        (3, 1, 2),
        (-3, 1, -2),
        (5, 3, 1),
        (-5, 3, -1),
        (3, 3, 0),
        (-3, 3, 0),
        (7, 0, 7),
        (-7, 0, -7),
        (INT32_MAX, 31, 1),
        (INT32_MIN, 31, -1),
        (2**30, 31, 1),
        (-(2**30), 31, -1),
        (2**30 - 1, 31, 0),
    ],
)
def test_division_by_a_power_of_two_rounds_halves_away_from_zero(x: int, exponent: int, expected: int):
    assert rounding_divide_by_pot(np.array(x), exponent) == expected


@pytest.mark.parametrize(
    ("x", "multiplier_q31", "shift", "expected"),
    [
        (5, HALF, 1, 5),
        (-5, HALF, 1, -5),
        (5, HALF, 0, 3),
        (-5, HALF, 0, -2),
        # Rounded twice: 1.25 to 1.5 ... first 2.5 to 3, then 1.5 to 2, where one rounding would give 1.
        (5, HALF, -1, 2),
        (-5, HALF, -1, -1),
        (INT32_MAX, INT32_MAX, 0, INT32_MAX - 1),
        (INT32_MIN, INT32_MAX, -31, -1),
        # What is shifted out on the left is lost.
        (HALF, HALF, 1, INT32_MIN // 2),
        (12345, 0, 0, 0),
    ],
)
def test_double_requantisation(x: int, multiplier_q31: int, shift: int, expected: int):
    assert requantise_double(np.array(x), multiplier_q31, shift) == expected


@pytest.mark.parametrize(
    ("multiplier_q31", "expected"),
    [
        (0, 0),
        (HALF, 1 << 14),
        (0x7FFEFFFF, 0x7FFF),
        (0x7FFF0000, 0x7FFF),
        (INT32_MAX, 0x7FFF),
        (0x8000, 1),
        (0x7FFF, 0),
    ],
)
def test_the_reduced_multiplier_stays_below_one(multiplier_q31: int, expected: int):
    assert reduced_multiplier_q15(multiplier_q31) == expected


@pytest.mark.parametrize(
    ("x", "multiplier_q31", "shift", "expected"),
    [
        (5, HALF, 1, 5),
        (1, HALF, 0, 1),
        (-1, HALF, 0, 0),
        (5, HALF, -1, 1),
        (-6, HALF, -1, -1),
        (2**46, HALF, -30, 2**15),
        (-(2**46), HALF, -30, -(2**15)),
        (1, HALF, 14, 2**13),
    ],
)
def test_single_requantisation_of_64_bits(x: int, multiplier_q31: int, shift: int, expected: int):
    assert requantise_64(np.array(x), multiplier_q31, shift) == expected


def _cases(seed: int, largest: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Seeded values, multipliers and shifts, edges among them."""
    rng = np.random.default_rng(seed)
    count = 20_000
    x = (2.0 ** rng.uniform(0, np.log2(largest), count) * rng.choice([-1, 1], count)).astype(np.int64)
    x[:8] = [0, 1, -1, largest, -largest, largest - 1, 1 - largest, 2]
    multiplier_q31 = rng.integers(HALF, 2**31, count)
    multiplier_q31[::5] = HALF
    multiplier_q31[1::7] = INT32_MAX
    return x, multiplier_q31, rng.integers(-31, 3, count)


def _floor(value: Fraction) -> int:
    return value.numerator // value.denominator


def _half_up(value: Fraction) -> int:
    return _floor(value + Fraction(1, 2))


def _half_away(value: Fraction) -> int:
    return _half_up(value) if value >= 0 else -_half_up(-value)


def test_double_requantisation_is_two_exact_roundings():
    x, multiplier_q31, shift = _cases(1, 2**29)
    made = requantise_double(x, multiplier_q31, shift)
    for value, m, s, y in zip(x.tolist(), multiplier_q31.tolist(), shift.tolist(), made.tolist(), strict=True):
        left = value << max(s, 0)
        assert y == _half_away(Fraction(_half_up(Fraction(left * m, 2**31)), 2 ** max(-s, 0)))


def test_single_requantisation_is_one_exact_rounding():
    x, multiplier_q31, shift = _cases(2, 2**46)
    made = requantise_64(x, multiplier_q31, shift)
    for value, m, s, y in zip(x.tolist(), multiplier_q31.tolist(), shift.tolist(), made.tolist(), strict=True):
        reduced = min((m + 2**15) >> 16, 0x7FFF)
        assert y == _half_up(Fraction(value * reduced) * Fraction(2) ** (s - 15))


def test_requantisation_of_floats_is_that_of_integers():
    x, multiplier_q31, shift = _cases(3, 2**37 - 1)
    made = requantise_64_of_float(x.astype(np.float64), multiplier_q31, shift)
    np.testing.assert_array_equal(made, requantise_64(x, multiplier_q31, shift))


@pytest.mark.parametrize("shift", [-9, 0, 2])
def test_overwriting_changes_where_the_result_stands_and_not_what_it_is(shift: int):
    x, multiplier_q31, _ = _cases(4, 2**28)
    expected = requantise_double(x, multiplier_q31, shift)
    before = x.copy()
    requantise_double(x, multiplier_q31, shift)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(requantise_double(x, multiplier_q31, shift, overwrite=True), expected)


def test_shifts_of_either_sign_stand_side_by_side():
    x = np.array([[5, 5, 5, 5], [-5, -5, -5, -5]])
    assert requantise_double(x, HALF, np.array([1, 0, -1, -2])).tolist() == [[5, 3, 2, 1], [-5, -2, -1, -1]]
