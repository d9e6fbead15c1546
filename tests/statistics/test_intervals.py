"""Confidence intervals of means over folds."""

import numpy as np
import pytest

from sklearn_autotune.statistics._intervals import compute_paired_interval


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
