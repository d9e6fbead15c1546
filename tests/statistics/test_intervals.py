"""Confidence intervals of means over folds."""

import numpy as np
import pytest
from scipy.stats import binomtest

from sklearn_autotune.statistics._intervals import (
    bound_unseen_rate,
    compute_mean_interval,
    compute_paired_interval,
    estimate_mean,
    guess_test_over_train,
)


def test_the_interval_is_that_of_nadeau_and_bengio():
    # Ten folds: variance 1 / 10 + 1 / 9 times that of the differences.
    differences = np.array([0.1, 0.2, 0.0, 0.1, 0.3, 0.2, 0.1, 0.0, 0.2, 0.1])
    error = np.sqrt((1 / 10 + 1 / 9) * differences.var(ddof=1))

    interval = compute_paired_interval(differences, test_over_train=1 / 9)

    assert interval.mean == pytest.approx(0.13)
    assert interval.high - interval.mean == pytest.approx(2.2621572 * error)
    assert interval.excludes_zero == bool(interval.low > 0)


@pytest.mark.parametrize("differences", [[], [0.1], [np.nan, 0.1], [0.1, 0.1], [0.1] * 5])
def test_too_few_differences_settle_nothing(differences):
    interval = compute_paired_interval(differences, test_over_train=0.25)

    assert interval.low == -np.inf
    assert not interval.excludes_zero


def test_the_same_difference_on_many_folds_settles_it():
    assert compute_paired_interval([0.1] * 6, test_over_train=0.2).excludes_zero
    assert not compute_paired_interval([0.0] * 6, test_over_train=0.2).excludes_zero


def test_the_standard_error_is_the_ordinary_one_if_training_rows_do_not_overlap():
    scores = np.array([0.8, 0.9, 0.85, 0.95])

    estimate = estimate_mean(scores, test_over_train=0)

    assert estimate.std_error == pytest.approx(scores.std(ddof=1) / 2)
    assert estimate_mean(scores, test_over_train=1 / 3).std_error > 1.5 * estimate.std_error


def test_a_mean_of_no_fold_is_not_a_number_and_that_of_one_fold_has_no_error():
    assert np.isnan(estimate_mean([np.nan], test_over_train=0.25).mean)
    one = estimate_mean([np.nan, 0.5], test_over_train=0.25)
    assert (one.n, one.mean) == (1, 0.5)
    assert np.isnan(one.std_error)
    assert compute_mean_interval([0.5], test_over_train=0.25).high == np.inf


def test_the_ratio_of_rows_is_guessed_from_the_number_of_folds():
    assert [guess_test_over_train(n) for n in (1, 2, 5, 10, 100)] == [1, 1, 1 / 4, 1 / 9, 1 / 4]


@pytest.mark.parametrize("n", [1, 8, 500])
def test_the_rate_of_what_was_not_seen_has_the_bound_of_clopper_and_pearson(n):
    assert bound_unseen_rate(n) == pytest.approx(binomtest(0, n).proportion_ci().high)
    assert bound_unseen_rate(n, 0.99) > bound_unseen_rate(n)
