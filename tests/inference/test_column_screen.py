"""Screening keeps the columns that say something of the target, and few others."""

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_autotune.inference._column_screen import MIN_COLUMNS, ColumnScreen

N_ROWS, N_COLUMNS = 300, 1200


@pytest.fixture(scope="module")
def X():
    return np.random.RandomState(0).normal(size=(N_ROWS, N_COLUMNS))


@pytest.mark.parametrize("scale", [1e-6, 1e6])
@pytest.mark.parametrize("is_classification", [True, False])
def test_columns_with_an_effect_are_kept_whatever_the_unit(X, is_classification, scale):
    X = X.copy()
    y = X[:, 7] - X[:, 700] + np.abs(X[:, 1100]) + 0.5 * np.random.RandomState(1).normal(size=N_ROWS)
    X[::5, 7] = np.nan
    X[:, 700] *= scale
    y = (y > 0.8).astype(int) if is_classification else y * scale

    kept = ColumnScreen([], is_classification).fit(X, y).kept_

    assert {7, 700, 1100} <= set(kept)
    assert len(kept) == MIN_COLUMNS


def test_many_columns_with_an_effect_are_all_kept(X):
    factor = np.random.RandomState(2).normal(size=N_ROWS)
    table = X + np.where(np.arange(N_COLUMNS) < 400, factor[:, None], 0)

    kept = ColumnScreen([], False).fit(table, factor).kept_

    assert (kept < 400).sum() == 400
    assert (kept >= 400).sum() < 10


def test_of_columns_that_say_nothing_a_fixed_number_is_kept(X):
    y = np.random.RandomState(3).randint(0, 3, N_ROWS)
    screen = ColumnScreen([], True).fit(X, y)

    assert MIN_COLUMNS <= len(screen.kept_) <= MIN_COLUMNS + 5
    np.testing.assert_array_equal(screen.transform(X), X[:, screen.kept_])


def test_some_columns_are_always_kept(X):
    y = np.random.RandomState(3).randint(0, 2, N_ROWS)

    assert {3, 900} <= set(clone(ColumnScreen([3, 900], True)).fit(X, y).kept_)


def test_empty_and_constant_columns_and_targets_are_no_hindrance(X):
    table = X[:, :150].copy()
    table[:, 0], table[:, 1] = np.nan, 1.0

    for y in (X[:, 149], np.ones(N_ROWS)):
        assert len(ColumnScreen([], False).fit(table, y).kept_) == MIN_COLUMNS
    assert len(ColumnScreen([], True).fit(table[:, :5], np.arange(N_ROWS) % 2).kept_) == 5


def test_columns_that_are_alike_within_groups_are_compared_with_such_noise():
    """Each group has a level of its own, which columns without a meaning seem to explain."""
    random = np.random.RandomState(0)
    groups = random.permutation(np.repeat(np.arange(60), 10))
    X = random.normal(size=(60, 150))[groups] + 0.1 * random.normal(size=(600, 150))
    y = random.normal(size=60)[groups] + X[:, 0]

    by_rows, by_groups = (ColumnScreen([], False).fit(X, y, given).kept_ for given in (None, groups))

    assert len(by_rows) > 60
    assert len(by_groups) == 20
    assert 0 in by_groups
