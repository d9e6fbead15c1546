"""Folds that follow time: nothing that is measured on a fold depends on later rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification, make_regression
from sklearn.metrics import log_loss
from sklearn.model_selection import TimeSeriesSplit

from sklearn_autotune import AutoModelSelector
from sklearn_autotune.evaluation import WorkItem, measure
from sklearn_autotune.families import FAMILIES, Shape
from sklearn_autotune.selection._candidates import make_first_candidates
from sklearn_autotune.space._space import BRANCH
from sklearn_autotune.tables._time import draw_time_folds
from tests.selection.toy_families import make_cross_fit

N_ROWS, N_FOLDS = 250, 4
CATALOGUE = {one.name: one for one in FAMILIES}


def make_table(is_classification):
    if is_classification:
        return make_classification(N_ROWS, 5, n_informative=3, flip_y=0.2, random_state=0)
    return make_regression(N_ROWS, 5, n_informative=3, noise=20.0, random_state=0)


def measure_folds(name, X, y):
    family = CATALOGUE[name]
    cross_fit = make_cross_fit([family], X, y, cv=TimeSeriesSplit(N_FOLDS))
    candidate = make_first_candidates(family, Shape(N_ROWS, not np.issubdtype(y.dtype, np.floating)))[0]
    outcome = measure(cross_fit, WorkItem(0, 0, 1, candidate))
    assert outcome.status == "complete", outcome.error
    return cross_fit, outcome


@pytest.mark.parametrize("is_classification", [True, False], ids=["classes", "amounts"])
@pytest.mark.parametrize("name", ["naive_bayes", "ridge", "xgboost", "lightgbm", "hist_gradient_boosting"])
def test_scores_of_earlier_folds_do_not_depend_on_later_rows(name, is_classification):
    if CATALOGUE[name].package is not None:
        pytest.importorskip(CATALOGUE[name].package)
    if name == ("ridge" if is_classification else "naive_bayes"):
        pytest.skip("for the other task")
    X, y = make_table(is_classification)
    cross_fit, outcome = measure_folds(name, X, y)
    last = cross_fit.task.folds[-1].test
    changed_X, changed_y = X.copy(), y.copy()
    changed_X[last], changed_y[last] = X[last][::-1], y[last] if is_classification else -5 * y[last]
    _, changed = measure_folds(name, changed_X, changed_y)

    assert cross_fit.is_forward
    assert [fold.test for fold in changed.folds[:-1]] == [fold.test for fold in outcome.folds[:-1]]
    assert changed.folds[-1].test != outcome.folds[-1].test


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_rounds_of_the_first_fold_are_found_on_its_own_training_rows(name):
    if CATALOGUE[name].package is not None:
        pytest.importorskip(CATALOGUE[name].package)
    _, outcome = measure_folds(name, *make_table(False))

    assert outcome.artifacts.rounds_before >= 1
    assert len(outcome.artifacts.rounds) == N_FOLDS


def test_the_final_models_are_fitted_on_all_rows():
    """The relation turns round in the last third, so models of early folds are wrong about new rows."""
    random = np.random.RandomState(0)
    X = random.normal(size=(300, 2))
    y = np.where(np.arange(300) < 200, 1.0, -1.0) * X[:, 0]
    X = np.column_stack([X, np.arange(300) >= 200])
    selector = AutoModelSelector(
        "regression", ["ridge", "xgboost"], n_trials=2, cv=TimeSeriesSplit(4), random_state=0
    ).fit(X, y)

    blended = selector.best_estimator_[-1].estimators_
    assert all(len(one.estimator.models) == 1 for one in blended)
    boosted = AutoModelSelector("regression", ["xgboost"], n_trials=1, cv=TimeSeriesSplit(4), random_state=0)
    assert boosted.fit(X, y).score(X[200:], y[200:]) > 0.5
    assert not {"stacked_linear", "stacked_trees"} & set(selector.leaderboard_["family"])


def test_a_column_of_times_sorts_the_rows_and_makes_forward_folds():
    X, y = make_table(False)
    table = pd.DataFrame(X).add_prefix("x").assign(day=pd.date_range("2026-01-01", periods=N_ROWS // 2).repeat(2))
    days = np.random.RandomState(0).permutation(N_ROWS // 2)
    shuffled = np.column_stack([2 * days, 2 * days + 1]).ravel()
    params = {"families": ["ridge", "xgboost"], "n_trials": 2, "random_state": 0}
    weight = np.linspace(1.0, 2.0, N_ROWS)
    by_time = AutoModelSelector("regression", time="day", cv=4, **params)
    by_time.fit(table.iloc[shuffled], y[shuffled], sample_weight=weight[shuffled])
    folds = draw_time_folds(np.arange(N_ROWS) // 2, 4)
    sorted_before = AutoModelSelector("regression", cv=folds, **params).fit(table, y, sample_weight=weight)

    assert by_time.best_score_ == pytest.approx(sorted_before.best_score_)
    np.testing.assert_allclose(by_time.predict(table), sorted_before.predict(table))
    assert AutoModelSelector("regression", time="day", **params).fit(table, y).n_splits_ == 8


def test_times_and_groups_are_not_both_for_the_folds():
    X, y = make_table(False)
    with pytest.raises(ValueError, match="Both time and groups"):
        AutoModelSelector("regression", time=0, n_trials=1).fit(X, y, groups=np.arange(N_ROWS) // 5)


def test_rounds_come_from_earlier_folds_where_they_cannot_be_found_within_the_first():
    """All but the last of the first fold's training rows are of one class."""
    X, y = make_table(True)
    y[:45], y[45:50] = 0, 1
    cross_fit, outcome = measure_folds("xgboost", X, y)
    changed_y = y.copy()
    last = cross_fit.task.folds[-1].test
    changed_y[last] = X[last, 0] > 0
    _, changed = measure_folds("xgboost", X, changed_y)

    assert outcome.artifacts.rounds_before is None
    assert changed.artifacts.rounds[-1] != outcome.artifacts.rounds[-1]
    assert [fold.test for fold in changed.folds[:-1]] == [fold.test for fold in outcome.folds[:-1]]


@pytest.mark.parametrize("has_times", [True, False])
def test_how_often_a_customer_comes_later_does_not_tell_that_it_has_not_left_yet(has_times):
    """Each customer comes until it leaves, so a customer that comes again has not left."""
    random = np.random.RandomState(0)
    X = random.normal(size=(1200, 1))
    leaves = random.uniform(size=1200) < 1 / (1 + np.exp(2.5 - X[:, 0]))
    customers, here = np.zeros(1200, dtype=int), list(range(60))
    for row in range(1200):
        place = random.randint(60)
        customers[row] = here[place]
        if leaves[row]:
            here[place] = 60 + row
    days = pd.date_range("2026-01-01", periods=1200)
    losses = {}
    for has_customer in (True, False):
        table = pd.DataFrame({"x": X[:, 0], "day": days})
        table = table.assign(customer=[f"number {one}" for one in customers]) if has_customer else table
        folds = {"time": "day", "cv": 3} if has_times else {"cv": TimeSeriesSplit(3)}
        selector = AutoModelSelector(families=["logistic"], n_trials=1, random_state=0, **folds)
        selector.fit(table[:900], leaves[:900])
        losses[has_customer] = log_loss(leaves[900:], selector.predict_proba(table[900:]))

    assert losses[True] < 1.1 * losses[False]


@pytest.mark.parametrize("order", [{"cv": TimeSeriesSplit(2)}, {"time": 0}, {}], ids=["splitter", "column", "no order"])
def test_models_that_forget_far_rows_are_not_tried_where_rows_follow_time(order):
    random = np.random.RandomState(0)
    table = np.column_stack([np.arange(60.0), random.normal(size=60)])
    selector = AutoModelSelector(task="regression", n_trials=1, random_state=0, **order)

    selector.fit(table, table[:, 1] + random.normal(size=60))

    tried = " ".join(selector.study_.trials[0].distributions[BRANCH].choices)
    assert ("svm" in tried) == ("kernel_ridge" in tried) == (not order)
    assert "forest" in tried
