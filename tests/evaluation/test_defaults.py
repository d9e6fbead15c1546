"""The scorer and the folds of a search whose user gives none."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import log_loss, root_mean_squared_error
from sklearn.model_selection import KFold, StratifiedKFold

from sklearn_autotune.evaluation._defaults import limit_to_rarest_class, make_default_scorer, make_shuffled_folds


def test_rows_that_lack_a_class_are_scored_with_all_classes():
    X, y = np.zeros((9, 1)), np.repeat(["a", "b", "c"], 3)
    model = DummyClassifier(strategy="prior").fit(X, y)
    some = y != "c"

    score = make_default_scorer(np.unique(y))(model, X[some], y[some])

    assert score == pytest.approx(-log_loss(y[some], model.predict_proba(X[some]), labels=["a", "b", "c"]))


def test_without_classes_the_score_is_the_negated_root_mean_squared_error():
    X, y = np.zeros((3, 1)), np.array([0.0, 1.0, 5.0])
    model = DummyRegressor().fit(X, y)

    assert make_default_scorer(None)(model, X, y) == pytest.approx(-root_mean_squared_error(y, model.predict(X)))


@pytest.mark.parametrize(("is_classification", "kind"), [(True, StratifiedKFold), (False, KFold)])
def test_folds_are_the_same_for_the_same_seed(is_classification, kind):
    y = np.arange(30) % 2

    first, second = (list(make_shuffled_folds(3, is_classification, 7).split(y, y)) for _ in range(2))

    assert type(make_shuffled_folds(3, is_classification, 7)) is kind
    assert all(np.array_equal(one[1], other[1]) for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize(("rarest", "expected"), [(1, 2), (4, 4), (50, 5)])
def test_there_are_no_more_folds_than_the_rarest_class_has_rows_but_two(rarest, expected):
    assert limit_to_rarest_class(5, np.array([100, rarest])) == expected
