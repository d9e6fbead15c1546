"""The rows that candidates are measured on."""

from dataclasses import replace

import numpy as np
import pytest

from sklearn_autotune.selection._row_sampling import MIN_ROWS, sample_rows
from tests.selection.toy_families import family, shape

Y = np.repeat([0, 0, 0, 1], 2500)


def sample(y=Y, seconds_per_row=1e-3, timeout=10.0, seed=0, groups=None):
    slow = replace(family("slow"), seconds=lambda shape: seconds_per_row * shape.n_rows)
    return sample_rows(y, {"slow": slow}, shape, timeout, seed=seed, groups=groups)


@pytest.mark.parametrize(("timeout", "seconds_per_row"), [(None, 1.0), (10.0, 1e-6)])
def test_without_a_limit_or_with_enough_time_all_rows_are_used(timeout, seconds_per_row):
    np.testing.assert_array_equal(sample(timeout=timeout, seconds_per_row=seconds_per_row), np.arange(len(Y)))


def test_a_sample_is_stratified_sorted_and_of_rows_that_there_is_time_for():
    rows = sample(seconds_per_row=2e-4)

    assert MIN_ROWS < len(rows) < len(Y)
    assert 3 * 2e-4 * len(rows) <= 0.3 * 10.0  # three folds in a candidate's share of the timeout
    assert (np.diff(rows) > 0).all()
    assert Y[rows].mean() == pytest.approx(0.25, abs=1e-3)


def test_a_sample_has_a_least_number_of_rows_however_short_the_time_is():
    assert len(sample(seconds_per_row=10.0)) == MIN_ROWS


def test_a_sample_of_groups_has_whole_groups_and_every_class():
    groups = np.repeat(np.arange(100), 100)
    y = np.where(groups == 7, 2, Y)  # a class of one group
    rows = sample(y=y, groups=groups, seconds_per_row=2e-4)

    chosen = np.unique(groups[rows])
    assert len(rows) == 100 * len(chosen)
    assert 7 in chosen
    assert MIN_ROWS < len(rows) <= len(sample(seconds_per_row=2e-4)) + 100


def test_a_sample_has_two_groups_at_least():
    assert len(sample(groups=np.repeat([0, 1, 2], [8000, 1000, 1000]), seconds_per_row=10.0)) >= 2000
