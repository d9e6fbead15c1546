"""The folds of a task, and means over them of the score that guides the search."""

import numpy as np
import pytest
from sklearn.model_selection import KFold, RepeatedKFold, ShuffleSplit, TimeSeriesSplit

from sklearn_autotune.evaluation import Fold, FoldScore, average_folds
from sklearn_autotune.evaluation._base import is_forward


def make_folds(*scores):
    return [FoldScore(score, None, 0.0, 0.0) for score in scores]


def test_the_mean_over_the_folds_is_that_of_the_named_score():
    folds = make_folds({"a": 1.0, "b": 0.25}, {"a": 0.0, "b": 0.75})

    assert average_folds(folds, "b") == 0.5
    assert average_folds(folds[:1], None) == 1.0
    assert average_folds(make_folds(0.25, 0.5), None) == 0.375


@pytest.mark.parametrize("as_masks", [False, True])
@pytest.mark.parametrize(
    ("splitter", "expected"),
    [
        (TimeSeriesSplit(4), True),
        (TimeSeriesSplit(3, gap=2, max_train_size=5), True),
        (KFold(4), False),
        (KFold(2), False),
        (RepeatedKFold(n_splits=2, n_repeats=2, random_state=0), False),
        (ShuffleSplit(3, random_state=0), False),
    ],
    ids=str,
)
def test_folds_follow_time_if_each_is_tested_on_later_rows(splitter, expected, as_masks):
    X = np.zeros((24, 1))
    folds = [Fold(number, *rows) for number, rows in enumerate(splitter.split(X))]
    if as_masks:
        folds = [Fold(one.number, *(np.isin(np.arange(24), rows) for rows in (one.train, one.test))) for one in folds]

    assert is_forward(folds) is expected


def test_repeated_forward_folds_and_no_folds_do_not_follow_time():
    folds = [Fold(number, *rows) for number, rows in enumerate(TimeSeriesSplit(3).split(np.zeros(12)))]

    assert is_forward(folds)
    assert not is_forward([*folds, *folds])
    assert not is_forward([])
