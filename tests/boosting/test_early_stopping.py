"""Boosters of several libraries with early stopping: the rounds found, the rounds used, and fits with a time limit."""

import pickle
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import train_test_split

from sklearn_autotune import AutoModelSelector
from sklearn_autotune.boosting._early_stopping import (
    allot_round_seconds,
    clone_as_fitted,
    clone_with_rounds,
    clone_without_early_stopping,
    drop_training_data,
    fit_with_early_stopping,
    get_best_rounds,
    get_used_rounds,
    has_early_stopping,
    hold_out_rows,
    set_prediction_rounds,
)
from sklearn_autotune.families import FAMILIES, Family, Shape

BOOSTERS = [
    pytest.param(
        family,
        marks=pytest.mark.skipif(find_spec(family.package or "numpy") is None, reason=f"no {family.package}"),
        id=family.name,
    )
    for family in FAMILIES
    if family.rounds is not None
]
LOADS = {"two classes": load_breast_cancer, "three classes": load_wine, "numbers": load_diabetes}
NO_LIMIT = {"seconds": None, "fit_params": {}}


@pytest.fixture(params=LOADS)
def parts(request):
    X, y = LOADS[request.param](return_X_y=True)
    return request.param != "numbers", *train_test_split(X, y, random_state=0)


def make(family, is_classifier, n_classes=2):
    model = family.make(Shape(100, is_classifier, n_classes=n_classes))
    return model.set_params(random_state=0, learning_rate=0.3)


def predict(model, X, is_classifier):
    return model.predict_proba(X) if is_classifier else model.predict(X)


@pytest.mark.parametrize("family", BOOSTERS)
def test_predicting_with_other_rounds_is_predicting_with_a_model_of_so_many(family, parts):
    is_classifier, X, X_seen, y, y_seen = parts
    model = make(family, is_classifier)
    fit_with_early_stopping(model, X, y, (X_seen, y_seen), **NO_LIMIT)
    found = get_best_rounds(model)
    assert 1 <= found < model.get_params()[family.rounds]
    for rounds in (found, max(1, found - 3), found + 2):
        changed = pickle.loads(pickle.dumps(model))
        set_prediction_rounds(changed, rounds)
        assert get_used_rounds(changed) == rounds
        again = clone_with_rounds(make(family, is_classifier), rounds).fit(X, y)
        np.testing.assert_array_equal(
            predict(pickle.loads(pickle.dumps(changed)), X_seen, is_classifier), predict(again, X_seen, is_classifier)
        )


@pytest.mark.parametrize("family", BOOSTERS)
def test_rounds_that_there_are_not_cannot_be_used(family, parts):
    is_classifier, X, X_seen, y, y_seen = parts
    model = make(family, is_classifier)
    fit_with_early_stopping(model, X, y, (X_seen, y_seen), **NO_LIMIT)
    set_prediction_rounds(model, 10_000)
    assert get_best_rounds(model) <= get_used_rounds(model) < 10_000


@pytest.mark.parametrize("family", BOOSTERS)
def test_without_time_there_is_one_round(family, parts):
    is_classifier, X, X_seen, y, y_seen = parts
    model = make(family, is_classifier)
    fit_with_early_stopping(model, X, y, (X_seen, y_seen), seconds=0.0, fit_params={})
    assert get_best_rounds(model) == 1
    assert np.isfinite(predict(model, X_seen, is_classifier)).all()
    clone(model), pickle.loads(pickle.dumps(model))  # nothing of the clock is left on it


@pytest.mark.parametrize("family", BOOSTERS)
def test_a_fit_without_the_rows_of_early_stopping_gives_the_same_model(family, parts):
    is_classifier, X, X_seen, y, y_seen = parts
    model = make(family, is_classifier)
    fit_with_early_stopping(model, X, y, (X_seen, y_seen), seconds=None, fit_params={})
    set_prediction_rounds(model, get_best_rounds(model) + 1)
    again = clone_as_fitted(model)
    assert not has_early_stopping(again)
    found, expected = (predict(fitted, X_seen, is_classifier) for fitted in (again.fit(X, y), model))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert clone_as_fitted(again).get_params() == again.get_params()


@pytest.mark.parametrize("family", BOOSTERS)
def test_a_booster_that_never_stops_can_be_cloned(family):
    model = make(family, is_classifier=True)
    assert has_early_stopping(model)
    assert not has_early_stopping(clone(clone_without_early_stopping(model)))
    assert clone(clone_with_rounds(model, 7)).get_params()[family.rounds] == 7


def test_rounds_of_an_unknown_library_are_refused_by_name():
    family = Family(
        name="mine",
        estimators=("sklearn.GradientBoostingClassifier",),
        space=lambda shape: {"max_depth": [2, 3]},
        make=lambda shape: GradientBoostingClassifier(),
        first=({},),
        rounds="n_estimators",
    )
    X, y = load_breast_cancer(return_X_y=True)
    selector = AutoModelSelector(families=["logistic", family], n_trials=2, cv=3, random_state=0)
    with pytest.warns(FitFailedWarning, match="Leave out rounds"), pytest.warns(match="non-finite"):
        selector.fit(X, y)
    failed = selector.leaderboard_["error"][selector.leaderboard_["status"] == "failed"]
    assert len(failed) == 1
    assert "this family makes a GradientBoostingClassifier. Leave out rounds" in failed[0]


SECONDS = st.floats(0, 1000)


@given(
    max_seconds=SECONDS,
    left=SECONDS,
    folds=st.lists(st.tuples(SECONDS, SECONDS, SECONDS), max_size=4),
    n_more=st.integers(1, 4),
)
def test_rounds_leave_time_for_all_folds_and_for_predicting_again(max_seconds, left, folds, n_more):
    spent, limits = [(fit, predicting) for fit, predicting, _ in folds], [limit for _, _, limit in folds]
    n_folds = len(folds) + n_more
    seconds = allot_round_seconds(max_seconds, left, n_folds, spent, limits)
    assert seconds <= max_seconds / n_folds
    beside = max([0.0, *(fit + predicting - limit for fit, predicting, limit in folds)])
    again = n_folds * max((predicting for _, predicting in spent), default=0.0)
    assert n_more * (seconds + beside) + again <= left + 1e-6


def test_a_booster_can_be_fitted_once_more_on_all_rows():
    family = next(replace(family, name="mine", is_bagged=False) for family in FAMILIES if family.name == "xgboost")
    X, y = load_wine(return_X_y=True)
    selector = AutoModelSelector(families=[family], n_trials=2, blend=False, cv=3, random_state=0).fit(X, y)
    ((_, frozen),) = selector.best_estimator_[-1].estimators
    (model,) = frozen.estimator.models
    assert set(selector.leaderboard_["status"]) == {"complete"}
    assert model[-1].n_estimators < family.make(Shape(100, is_classifier=True)).n_estimators
    assert selector.score(X, y) > 0.95


@given(st.lists(st.integers(1, 30), min_size=2, max_size=6), st.integers(0, 100))
def test_rows_for_early_stopping_leave_each_class_in_training(class_sizes, seed):
    class_codes = np.repeat(np.arange(len(class_sizes)), class_sizes)

    rows = hold_out_rows(class_codes, 0.2, seed)

    assert len(set(rows)) == len(rows)
    assert (np.delete(class_codes, rows) == np.arange(len(class_sizes))[:, None]).any(axis=1).all()
    n_spare = len(class_codes) - len(class_sizes)
    assert len(rows) == min(n_spare, max(1, round(0.2 * len(class_codes))))


@pytest.mark.parametrize("family", BOOSTERS)
def test_a_model_that_holds_no_training_data_is_not_copied(family):
    X, y = load_diabetes(return_X_y=True)
    model = family.make(Shape(300, False))
    fit_with_early_stopping(model, X[:300], y[:300], (X[300:], y[300:]), seconds=None, fit_params={})

    smaller = drop_training_data(model, model)

    assert (smaller is model) == (family.name != "catboost")
    np.testing.assert_array_equal(smaller.predict(X), model.predict(X))
