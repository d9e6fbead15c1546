"""A selector's ensemble as a script: it is fitted on the same folds, or an error says why not."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold, ShuffleSplit

from sklearn_autotune import AutoModelSelector
from sklearn_autotune.export import export_code
from sklearn_autotune.selection import _tasks
from tests.export.scripts import assert_same_predictions
from tests.faults.nightly import at_night


@pytest.mark.parametrize(
    ("families", "cv"),
    [(["xgboost", "lightgbm", "svm"], None), pytest.param(["logistic", "forest", "naive_bayes"], 3, marks=at_night)],
    ids=["boosters", "others"],
)
def test_a_blend_of_classifiers_is_fitted_on_the_same_folds(families, cv, mixed, predictions):
    table, y = mixed
    selector = AutoModelSelector(families=families, n_trials=5, cv=cv, random_state=0).fit(table, y)

    assert_same_predictions(predictions, selector, table, y)


def test_a_blend_of_regressors_is_fitted_on_the_same_folds(mixed, predictions):
    table, y = mixed
    y = table["size"].fillna(0) + (y == "good")
    cv = KFold(4, shuffle=True, random_state=3)
    families = ["ridge", "extra_trees", "hist_gradient_boosting", "neural"]
    selector = AutoModelSelector("regression", families, n_trials=5, cv=cv, random_state=0).fit(table, y)

    assert_same_predictions(predictions, selector, table, y)


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        (list(KFold(2).split(np.zeros(60))), "iterable of splits"),
        (KFold(2, shuffle=True), "without a seed"),
        (ShuffleSplit(1, random_state=0), "single split"),
    ],
)
def test_folds_that_cannot_be_drawn_again_are_refused(cv, message):
    X, y = load_diabetes(return_X_y=True)
    selector = AutoModelSelector("regression", ["ridge"], n_trials=1, cv=cv).fit(X[:60], y[:60])

    with pytest.raises(ValueError, match=message):
        export_code(selector)


def test_a_single_fold_that_follows_time_is_refused():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    X, y = X[:60].assign(day=np.arange(60) // 30), y[:60]
    selector = AutoModelSelector("regression", ["xgboost"], n_trials=1, time="day", random_state=0).fit(X, y)

    assert selector.n_splits_ == 1
    with pytest.raises(ValueError, match="single split"):
        export_code(selector, check=(X, y))


@pytest.mark.parametrize("rule", ["groups", "time"])
def test_where_groups_or_time_divide_the_rows_a_script_is_written_if_it_predicts_the_same(rule, predictions):
    random = np.random.RandomState(0)
    X = pd.DataFrame({"a": random.normal(size=200), "day": np.arange(200)})
    streets = X.assign(street=[f"street {number}" for number in random.randint(0, 40, 200)])
    y = X["a"] + random.normal(size=200)
    selector = AutoModelSelector("regression", ["ridge"], n_trials=1, random_state=0)
    params = {"groups": np.arange(200) // 10} if rule == "groups" else {}
    selector.set_params(time="day" if rule == "time" else None)

    assert selector.fit(X, y, **params).inner_folds_ == rule
    with pytest.raises(ValueError, match=f"was fitted with {rule}. .* Pass check="):
        export_code(selector)
    if rule == "time":  # a model of all rows; with groups, it is the mean of models of the folds
        predicted, _ = predictions(export_code(selector, check=(X, y)), X, y)
        np.testing.assert_allclose(predicted, selector.predict(X), rtol=1e-6)
        selector.fit(streets, y)  # statistics of the target, for which rows are divided
        X = streets
    with pytest.raises(ValueError, match="differs from this AutoModelSelector"):
        export_code(selector, check=(X, y))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_of_a_large_table_models_are_fitted_on_the_rows_that_are_not_held_out(task, monkeypatch, predictions):
    monkeypatch.setattr(_tasks, "HOLDOUT_ROWS", 300)
    monkeypatch.setattr(_tasks, "MAX_TIME_OF_FIRST", 0.0)
    table, values = load_diabetes(return_X_y=True, as_frame=True)
    y = values if task == "regression" else (values > 140).astype(int)
    linear = "ridge" if task == "regression" else "logistic"
    selector = AutoModelSelector(task, [linear, "forest", "xgboost"], timeout=60, n_trials=4, random_state=0)

    selector.fit(table, y)

    assert selector.n_splits_ == 1
    assert_same_predictions(predictions, selector, table, y)


def test_a_class_that_some_folds_lack_is_refused():
    X, y = np.random.RandomState(0).normal(size=(60, 2)), np.arange(60) % 2
    y[5] = 2
    selector = AutoModelSelector(families=["xgboost"], n_trials=1, cv=KFold(3), random_state=0).fit(X, y)

    with pytest.raises(ValueError, match="a class is missing or rare"):
        export_code(selector)


def test_texts_are_read_in_the_script_as_in_the_selector(mixed, predictions):
    table, y = mixed
    texts = [
        f"number {row} of a {'good' if label == 'good' else 'poor'} thing {row * 7}" for row, label in enumerate(y)
    ]
    table = table.assign(text=texts)
    selector = AutoModelSelector(families=["logistic", "lightgbm"], n_trials=3, cv=3, random_state=0).fit(table, y)

    assert selector.text_columns_ == ["text"]
    assert_same_predictions(predictions, selector, table, y)


def test_the_columns_of_a_wide_table_are_screened_in_the_script_too(predictions):
    X = np.random.RandomState(0).normal(size=(90, 120))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    selector = AutoModelSelector(families=["logistic", "xgboost"], n_trials=3, cv=3, random_state=0).fit(X, y)

    assert_same_predictions(predictions, selector, X, y)
