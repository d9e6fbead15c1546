"""Which rows a subsample has, and when there is none."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.model_selection import KFold, LeaveOneOut, StratifiedKFold, TimeSeriesSplit

from sklearn_autotune.evaluation import Fold, Task
from sklearn_autotune.pruning._subsamples import add_subsample, order_training_rows

random = np.random.RandomState(0)


def make_task(n_rows=1000, y=None, cv=KFold(4), n_folds=None):  # noqa: B008
    X = random.normal(size=(n_rows, 2))
    y = np.arange(n_rows) % 5 if y is None else y
    folds = [Fold(number, train, test) for number, (train, test) in enumerate(cv.split(X, y))]
    return Task(X, y, tuple(folds[:n_folds]), None, {}, {}, np.nan, False)


def take(task, *, share=0.1, is_classification=True):
    (subsample,) = add_subsample(task, share, is_classification=is_classification).subsamples
    return subsample


def test_a_subsample_has_a_share_of_the_first_folds_training_rows_and_all_its_test_rows():
    task = make_task(2000)

    subsample = take(task)

    assert subsample.number == -1
    assert len(subsample.train) == 150
    assert set(subsample.train) < set(task.folds[0].train)
    np.testing.assert_array_equal(subsample.train, np.sort(subsample.train))
    np.testing.assert_array_equal(subsample.test, task.folds[0].test)


def test_the_rows_are_the_same_each_time_and_a_larger_subsample_contains_a_smaller_one():
    task = make_task(2000)

    np.testing.assert_array_equal(take(task).train, take(task).train)
    assert set(take(task).train) < set(take(task, share=0.3).train)


def test_each_class_has_the_same_share_of_its_rows():
    y = np.array(["rare"] * 100 + ["frequent"] * 1900)
    task = make_task(y=y, n_rows=2000, cv=StratifiedKFold(4, shuffle=True, random_state=0))

    labels = y[take(task).train]

    assert len(labels) == 150
    assert np.sum(labels == "rare") in (7, 8)


def test_few_rows_and_rare_classes_have_a_larger_share():
    rare = np.arange(2000) % 100 == 0
    cv = StratifiedKFold(4, shuffle=True, random_state=0)

    assert len(take(make_task(400)).train) == 60
    assert len(take(make_task(y=rare, n_rows=2000, cv=cv)).train) == 500
    assert len(take(make_task(y=rare, n_rows=2000, cv=cv), is_classification=False).train) == 150


@pytest.mark.parametrize(
    "task",
    [
        make_task(200),
        make_task(y=np.arange(1000) == 999, cv=KFold(4)),
        make_task(200, cv=LeaveOneOut()),
        make_task(n_folds=1),
    ],
    ids=["few rows", "a class with one row", "few test rows", "a single fold"],
)
def test_there_is_no_subsample_where_it_could_not_decide(task):
    assert add_subsample(task, 0.1, is_classification=True) is task


def test_of_folds_ordered_in_time_the_latest_training_rows_are_taken():
    task = make_task(cv=TimeSeriesSplit(3))

    subsample = take(task)

    np.testing.assert_array_equal(subsample.train, task.folds[0].train[-60:])
    assert take(make_task(cv=KFold(3))).train.max() < 999, "shuffled"


def test_folds_may_be_masks_and_labels_may_be_of_several_kinds():
    task = make_task()
    mask = np.isin(np.arange(1000), task.folds[0].train)
    masked = replace(task, folds=(Fold(0, mask, ~mask), *task.folds[1:]))

    np.testing.assert_array_equal(take(masked).train, take(task).train)
    for y in (np.array([0, "a"] * 500, dtype=object), np.zeros((1000, 2)), np.arange(1000.0)):
        assert len(take(replace(task, y=y), is_classification=False).train) == 75
    assert len(take(replace(task, y=np.array([0, "a"] * 500, dtype=object))).train) == 75


def test_an_order_contains_each_row_once():
    labels = random.randint(3, size=50)

    for order in (
        order_training_rows(50),
        order_training_rows(50, labels),
        order_training_rows(50, is_time_ordered=True),
    ):
        np.testing.assert_array_equal(np.sort(order), np.arange(50))
