"""Training rows are divided once more: groups stay together, and what is learnt for a row comes from earlier rows."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression, Ridge

from sklearn_autotune.inference._target_statistics import TargetStatistics
from sklearn_autotune.tables._inner_folds import (
    InnerFolds,
    fit_with_inner_folds,
    make_inner_folds,
    use_inner_folds,
)
from sklearn_autotune.tables._preparation import make_preparation

N_ROWS = 600
RANDOM = np.random.RandomState(0)
GROUPS = RANDOM.randint(0, 40, N_ROWS)
ROWS = np.sort(RANDOM.permutation(N_ROWS)[:500])


def test_rows_of_a_group_are_in_one_fold_and_each_row_is_tested_once():
    folds = InnerFolds(GROUPS).draw(ROWS, np.arange(500.0))

    assert len(folds) == 5
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(500))
    for train, test in folds:
        assert not set(GROUPS[ROWS[train]]) & set(GROUPS[ROWS[test]])
        assert len(train) + len(test) == 500


def test_folds_of_groups_have_about_the_same_mean_of_the_target():
    y = RANDOM.normal(size=40)[GROUPS]

    means = [y[test].mean() for _, test in InnerFolds(GROUPS).draw(np.arange(N_ROWS), y)]

    assert np.std(means) < 0.2 * np.std(y)


def test_each_block_is_tested_on_earlier_rows_and_rows_of_the_same_time_stay_together():
    times = np.sort(RANDOM.randint(0, 25, N_ROWS))[::-1]  # rows need not be sorted
    folds = InnerFolds(times=times).draw(ROWS, np.zeros(500))
    times = times[ROWS]

    assert 5 <= len(folds) <= 9
    assert all(times[train].max() < times[test].min() for train, test in folds)
    tested = np.concatenate([test for _, test in folds])
    assert len(np.unique(tested)) == len(tested)
    assert times[np.setdiff1d(np.arange(500), tested)].max() < times[tested].min()


def test_with_groups_and_times_both_are_kept():
    folds = InnerFolds(GROUPS, np.arange(N_ROWS)).draw(ROWS, np.zeros(500))

    for train, test in folds:
        assert train.max() < test.min()
        assert not set(GROUPS[ROWS[train]]) & set(GROUPS[ROWS[test]])


@pytest.mark.parametrize("inner", [InnerFolds(np.zeros(9, int)), InnerFolds(times=np.zeros(9))], ids=["group", "time"])
def test_of_one_group_or_time_nothing_can_be_learnt(inner):
    assert inner.draw(np.arange(9), np.arange(9.0)) == []
    assert not inner.hold_out(np.arange(9), np.zeros(9, int), 0.1, 0).any()
    encoded = TargetStatistics(False).fit_transform(np.arange(9.0)[:, None] % 3, np.arange(9.0), inner_folds=[])
    assert encoded.tolist() == [[4.0, 0.0]] * 9


def test_rows_for_early_stopping_are_whole_groups_or_the_last_rows():
    classes = np.zeros(500, dtype=int)
    classes[:5] = 1
    groups = InnerFolds(np.arange(N_ROWS) // 5).hold_out(ROWS, classes, 0.1, seed=0)
    last = InnerFolds(times=np.arange(N_ROWS)).hold_out(ROWS, classes, 0.1, seed=0)

    assert not set(ROWS[groups] // 5) & set(ROWS[~groups] // 5)
    assert 50 <= groups.sum() < 55
    assert np.flatnonzero(last).tolist() == list(range(450, 500))
    assert not InnerFolds().hold_out(ROWS, classes, 0.1, seed=0).any()


def test_each_class_keeps_rows_for_training():
    classes = (np.arange(100) >= 95).astype(int)

    held_out = InnerFolds(times=np.arange(100)).hold_out(np.arange(100), classes, 0.1, seed=0)

    assert held_out.sum() == 10
    assert set(classes[~held_out]) == {0, 1}


def test_groups_count_whatever_draws_the_folds_and_the_order_of_rows_is_that_of_time():
    data = SimpleNamespace(metadata={"groups": ["b", "a", "b"]}, y=np.zeros(3), times=None)
    no_groups = SimpleNamespace(metadata={}, y=np.zeros(3), times=np.array([1.0, 1.0, 2.0]))

    assert make_inner_folds(data, is_forward=False).groups.tolist() == [0, 1, 0]
    assert make_inner_folds(data, is_forward=True).times.tolist() == [0, 1, 2]
    assert make_inner_folds(no_groups, is_forward=True).take(np.array([0, 2])).times.tolist() == [1, 2]
    assert not make_inner_folds(no_groups, is_forward=False).are_needed


def test_a_model_that_cross_validates_itself_keeps_groups_together():
    y = GROUPS % 2
    model = CalibratedClassifierCV(LogisticRegression(), cv=3, ensemble=False)

    with use_inner_folds(model, InnerFolds(GROUPS), np.arange(N_ROWS), y):
        folds = model.cv
        model.fit(np.arange(N_ROWS)[:, None], y)

    assert model.cv == 3
    assert all(not set(GROUPS[train]) & set(GROUPS[test]) for train, test in folds)


@pytest.mark.parametrize(
    ("model", "inner", "y"),
    [
        (Ridge(), InnerFolds(GROUPS), np.arange(600.0)),
        (CalibratedClassifierCV(cv=3), InnerFolds(times=np.arange(N_ROWS)), GROUPS % 2),
        (CalibratedClassifierCV(cv=3), InnerFolds(GROUPS), (GROUPS == 7).astype(int)),
        (CalibratedClassifierCV(cv=3), InnerFolds(), GROUPS % 2),
    ],
    ids=["without folds of its own", "time", "a class of one group", "no groups"],
)
def test_where_groups_do_not_suit_a_model_its_folds_stay(model, inner, y):
    before = repr(model)

    with use_inner_folds(model, inner, np.arange(N_ROWS), y):
        assert repr(model) == before


@pytest.mark.parametrize("kind", ["native", "coded", "scaled"])
def test_a_category_that_names_the_group_says_nothing_in_training(kind):
    """As in prediction, where the category of a new group is not known."""
    codes = np.column_stack([GROUPS, RANDOM.normal(size=N_ROWS)])
    y = RANDOM.normal(size=40)[GROUPS] + 0.1 * RANDOM.normal(size=N_ROWS)
    related = {}
    for folds in (None, InnerFolds(GROUPS).draw(np.arange(N_ROWS), y)):
        preparation = make_preparation(kind, np.array([40, 0]), N_ROWS, False)
        prepared = fit_with_inner_folds(preparation, codes, y, folds)
        varies = prepared[:, prepared.std(axis=0) > 1e-9]
        related[folds is None] = np.abs(np.corrcoef(varies.T, y)[-1, :-1]).max()
        assert preparation.transform(codes).shape == prepared.shape

    assert related[True] > 0.9
    assert related[False] < 0.2


def test_statistics_of_a_block_of_time_do_not_depend_on_later_rows():
    codes = RANDOM.randint(0, 30, (N_ROWS, 1)).astype(float)
    y = RANDOM.normal(size=30)[codes[:, 0].astype(int)]
    folds = InnerFolds(times=np.arange(N_ROWS)).draw(np.arange(N_ROWS), y)
    end = folds[4][1].max() + 1
    later = np.arange(N_ROWS) >= end

    one = TargetStatistics(False).fit_transform(codes, y, inner_folds=folds)
    other = TargetStatistics(False).fit_transform(
        np.where(later[:, None], 29 - codes, codes), np.where(later, -9 * y, y), inner_folds=folds
    )

    np.testing.assert_array_equal(one[:end], other[:end])
    assert np.corrcoef(one[100:, 0], y[100:])[0, 1] > 0.8
