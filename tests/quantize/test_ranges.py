"""Ranges cover what they promise, and the squared-error range beats the others where there are outliers."""

import numpy as np
import pytest
from stapes.quantize.ranges import observed_range, saturated_fraction


def error(values, low, high, levels=256):
    """Mean squared error of an integer format with a zero point."""
    step = (high - low) / (levels - 1)
    return np.mean((np.clip(np.round(values / step), np.round(low / step), np.round(high / step)) * step - values) ** 2)


def test_minmax_covers_everything_and_zero():
    assert observed_range(np.array([1.0, 3.0]), "minmax", 256, False) == (0.0, 3.0)
    assert observed_range(np.array([-1.0, 3.0]), "minmax", 256, True) == (-3.0, 3.0)


def test_percentile_leaves_the_tails_outside():
    values = np.linspace(-1, 1, 100_001)
    low, high = observed_range(values, "percentile", 256, False, 99.0)
    assert (low, high) == pytest.approx((-0.99, 0.99), abs=1e-4)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_the_least_squares_range_is_the_best_of_a_dense_search(seed, symmetric):
    values = np.random.default_rng(seed).laplace(0, 1, 50_000)
    got = error(values, *observed_range(values, "mse", 256, symmetric))
    low, high = observed_range(values, "minmax", 256, symmetric)
    best = min(error(values, low * s, high * s) for s in np.linspace(0.2, 1.0, 400))
    assert got <= 1.03 * best
    assert got < 0.95 * error(values, low, high)


def test_a_range_in_front_of_a_rectifier_spends_little_on_negative_values():
    values = np.random.default_rng(1).laplace(0, 1, 50_000)
    rectified = np.where(values < 0, 0.05 * values, values)

    def error_behind(low, high):
        step = (high - low) / 255
        codes = np.clip(np.round(values / step), np.round(low / step), np.round(high / step)) * step
        return np.mean((np.where(codes < 0, 0.05 * codes, codes) - rectified) ** 2)

    plain, aware = (observed_range(values, "mse", 256, False, slope=slope) for slope in (1.0, 0.05))
    assert aware[0] > 0.7 * plain[0]
    assert error_behind(*aware) < 0.7 * error_behind(*plain)


def test_extremes_of_all_frames_count_where_only_a_sample_was_kept():
    assert observed_range(np.array([1.0, 3.0]), "minmax", 256, False, extremes=(-2.0, 5.0)) == (-2.0, 5.0)


def test_constant_zero_has_a_range():
    assert observed_range(np.zeros(10), "mse", 256, False) == (0.0, 0.0)


def test_saturation_counts_what_lies_outside():
    values = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, -2.02, 2.2, -2.2])
    assert saturated_fraction(values, 1 / 64, 0, (-128, 127)) == pytest.approx(3 / 8)
