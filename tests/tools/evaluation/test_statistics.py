"""Means, errors and paired differences are those of the textbook, and gaps are left out, not guessed."""

import numpy as np
import pytest
from scipy import stats
from stapes.tools.evaluation.statistics import mean_of, means, paired

ROWS = [
    {"a": {"pesq_wb": 1.0, "stoi": 0.5}, "b": {"pesq_wb": 2.0, "stoi": 0.7}},
    {"a": {"pesq_wb": 3.0, "stoi": None}, "b": {"pesq_wb": 4.5, "stoi": 0.9}},
    {"a": {"pesq_wb": 2.0, "stoi": 0.6}, "b": {"pesq_wb": 2.25, "stoi": 0.6}},
]
NAMES = ["x", "y", "z"]


def test_means_use_the_files_that_every_system_has():
    found = means(ROWS, ["a", "b"], ["pesq_wb", "stoi", "si_sdr"])
    assert found["a"]["pesq_wb"].mean == 2.0
    assert (found["b"]["stoi"].mean, found["b"]["stoi"].files) == (0.65, 2)
    assert found["b"]["si_sdr"].mean is None


def test_a_standard_error_needs_two_values():
    assert mean_of([1.0]).standard_error is None
    values = np.random.default_rng(0).standard_normal(20)
    assert mean_of(list(values)).standard_error == pytest.approx(stats.sem(values), abs=1e-6)


def test_a_paired_difference_is_that_of_the_one_sample_test_on_differences():
    found = paired(ROWS, NAMES, "b", "a", "pesq_wb")
    differences = [1.0, 1.5, 0.25]
    test = stats.ttest_1samp(differences, 0.0)
    assert found.mean == pytest.approx(np.mean(differences), abs=1e-6)
    assert found.standard_error == pytest.approx(stats.sem(differences), abs=1e-6)
    assert found.t == pytest.approx(test.statistic, abs=1e-5)
    assert found.p == pytest.approx(test.pvalue, rel=1e-2)
    assert (found.worst, found.worst_file, found.best, found.best_file) == (0.25, "z", 1.5, "y")


def test_pairs_with_a_gap_are_left_out_and_equal_differences_have_no_test():
    found = paired(ROWS, NAMES, "b", "a", "stoi")
    assert (found.files, found.mean) == (2, 0.1)
    same = paired(ROWS, NAMES, "a", "a", "pesq_wb")
    assert (same.mean, same.p, same.t) == (0.0, None, None)
    assert paired(ROWS, NAMES, "a", "b", "si_sdr").mean is None
