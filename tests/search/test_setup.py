"""The task of a search: its folds are drawn once, and shared by all candidates."""

import warnings

import joblib
import numpy as np
import optuna
import pytest
from scipy.stats import uniform
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import KFold, ShuffleSplit

from sklearn_autotune import OptunaSearchCV, compare
from sklearn_autotune.evaluation import Fold
from sklearn_autotune.search._setup import check_positions
from tests.toys import CountingClassifier, table


class CountingSplitter(KFold):
    """Counts how often it is asked for folds."""

    n_calls = 0

    def split(self, X, y=None, groups=None):
        self.n_calls += 1
        yield from super().split(X, y, groups)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_folds_are_drawn_once_per_fit(data, n_jobs):
    cv = CountingSplitter(3)
    search = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=12, cv=cv, n_jobs=n_jobs)
    with joblib.parallel_config(backend="threading"):
        search.fit(*data)

    assert cv.n_calls == 1
    assert search.n_splits_ == 3


@pytest.mark.parametrize("pruner", [None, optuna.pruners.MedianPruner(n_startup_trials=2)], ids=["whole", "pruned"])
def test_splitters_that_can_be_used_only_once_serve_all_candidates(data, pruner):
    generator = (fold for fold in KFold(3).split(*data))
    search = OptunaSearchCV(
        CountingClassifier(),
        {"a": uniform(0, 9)},
        n_trials=12,
        cv=KFold(3),
        pruner=pruner,
        look_ahead=2,
        random_state=0,
    )
    many_times = table(search.fit(*data))
    once = table(search.set_params(cv=generator).fit(*data))

    assert once == many_times
    assert list(generator) == []


def test_an_unseeded_splitter_gives_all_candidates_the_same_folds(data):
    cv = ShuffleSplit(3, test_size=0.3)
    search = OptunaSearchCV(CountingClassifier(a=3), {"b": [1, 2, 3, 4]}, cv=cv).fit(*data)

    for fold in range(3):  # the score of a fold depends on its rows alone
        assert len(set(search.cv_results_[f"split{fold}_test_score"])) == 1


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ([101, 102], [0, 1], r"cv gives 102 as a training row of fold 0, but X has 60 rows\. Splits are positions"),
        ([0, 1], [60], "cv gives 60 as a test row of fold 0"),
        ([0, 1], [-61], "cv gives -61 as a test row of fold 0"),
        (["a", "b"], [0, 1], r"cv gives \S*'a'\)? of type <U1 as a training row"),
        ([0.0, 1.0], [2, 3], "of type float64 as a training row"),
        ([True, False], [2, 3], "of type bool as a training row"),
        (slice(None), [2, 3], r"cv gives slice\(None, None, None\) as a training row"),
        ([[0], [1]], [2, 3], r"cv gives \[0\] as a training row"),
        ([0, 1], [], r"cv gives no test rows in fold 0.* Leave this fold out"),
        ([0, 1], np.zeros(60, dtype=bool), "cv gives no test rows in fold 0"),
    ],
)
def test_splits_that_are_no_positions_of_rows_are_refused_before_anything_is_fitted(train, test, message):
    X, y = np.zeros((60, 1)), np.arange(60) % 2
    search = OptunaSearchCV(CountingClassifier(), {"a": [1]}, cv=[(train, test)], error_score="raise")

    with pytest.raises(ValueError, match=message):
        search.fit(X, y)
    with pytest.raises(ValueError, match=message):
        compare({"counting": CountingClassifier()}, X, y, cv=[(train, test)])


def test_masks_and_positions_from_the_end_are_splits():
    mask = np.arange(60) < 40
    for train, test in ((mask, ~mask), (np.arange(40), np.arange(-20, 0)), (list(range(40)), list(range(40, 60)))):
        check_positions(Fold(0, np.asarray(train), np.asarray(test)), np.zeros((60, 1)))
    check_positions(Fold(0, np.array([0]), np.array([1])), [["a"], ["b"]])


def test_a_score_that_is_read_off_the_estimator_needs_no_test_rows(data):
    X, y = data
    model = RandomForestClassifier(5, oob_score=True, random_state=0)
    settings = {"cv": [(range(len(y)), [])], "scoring": lambda estimator, X, y: estimator.oob_score_}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Some inputs do not have OOB scores")
        search = OptunaSearchCV(model, {"max_depth": [1, 2]}, **settings).fit(X, y)
        assert search.best_score_ == search.best_estimator_.oob_score_
