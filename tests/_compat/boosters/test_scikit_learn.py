"""scikit-learn's forests, bagging and boosting: which warm starts are exact, and how categories are declared."""

import warnings
from functools import partial

import numpy as np
import pytest
import sklearn.ensemble
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression

from sklearn_autotune._compat.boosters import PartFit
from sklearn_autotune._compat.boosters._scikit_learn import (
    AUTO_STOPPING_ROWS,
    SCIKIT_LEARN,
    WARM_START_PARAMS,
    cannot_draw_validation_rows,
    draw_validation_rows,
    draws_validation_rows,
)

X, Y = np.random.RandomState(0).normal(size=(60, 3)), np.arange(60) % 2


def start(model, rounds_param="n_estimators", rows=(X, Y), **fit_params):
    return SCIKIT_LEARN.start_continued_fit(PartFit(model, rounds_param, rows, fit_params), 6)


@pytest.mark.parametrize("name", WARM_START_PARAMS)
def test_every_class_with_an_exact_warm_start_has_the_parameter_that_counts_its_rounds(name):
    model = getattr(sklearn.ensemble, name)()
    rounds_param = WARM_START_PARAMS[name]

    assert rounds_param in SCIKIT_LEARN.rounds_params
    assert {rounds_param, "warm_start"} <= set(model.get_params())
    assert start(model, rounds_param) is not None


def test_rounds_are_added_to_the_same_trees():
    model = RandomForestClassifier(random_state=0)
    continued = start(model)

    first = list(continued.continue_to(2).estimators_)
    fitted = continued.continue_to(4)
    continued.close()

    assert fitted is model
    assert [tree is kept for tree, kept in zip(fitted.estimators_, first, strict=False)] == [True, True]
    fresh = RandomForestClassifier(n_estimators=4, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(fitted.predict_proba(X), fresh.predict_proba(X))


def test_class_weights_are_continued_without_a_warning():
    continued = start(RandomForestClassifier(random_state=0, class_weight="balanced"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        continued.continue_to(1)
        continued.continue_to(2)


def test_arguments_of_fit_reach_every_continuation():
    weight = np.where(Y == 1, 5.0, 1.0)
    continued = start(GradientBoostingClassifier(random_state=0), sample_weight=weight)
    continued.continue_to(2)

    fresh = GradientBoostingClassifier(n_estimators=4, random_state=0).fit(X, Y, sample_weight=weight)
    np.testing.assert_array_equal(continued.continue_to(4).predict_proba(X), fresh.predict_proba(X))


@pytest.mark.parametrize(
    ("model", "rounds_param", "fit_params"),
    [
        (RandomForestClassifier(random_state=np.random.RandomState(0)), "n_estimators", {}),
        (RandomForestClassifier(), "max_depth", {}),
        (GradientBoostingClassifier(n_iter_no_change=3), "n_estimators", {}),
        (GradientBoostingClassifier(), "n_estimators", {"monitor": lambda *_: False}),
        (HistGradientBoostingClassifier(early_stopping=True), "max_iter", {}),
        (BaggingClassifier(oob_score=True), "n_estimators", {}),
        (LogisticRegression(), "max_iter", {}),
    ],
    ids=["generator", "another parameter", "early stopping", "monitor", "histogram stops", "oob score", "no rounds"],
)
def test_a_fit_whose_warm_start_is_not_exact_is_not_started(model, rounds_param, fit_params):
    assert start(model, rounds_param, **fit_params) is None


def test_histogram_boosting_is_continued_on_as_many_rows_as_do_not_stop_it_early():
    few, many = [[0.0]] * AUTO_STOPPING_ROWS, [[0.0]] * (AUTO_STOPPING_ROWS + 1)  # lists have no shape
    model = HistGradientBoostingRegressor()

    assert start(model, "max_iter", (few, None)) is not None
    assert start(model, "max_iter", (many, None)) is None
    assert start(model, "max_iter", (np.array(many), None)) is None
    assert start(HistGradientBoostingRegressor(early_stopping=False), "max_iter", (many, None)) is not None


def test_a_fit_that_is_not_started_leaves_the_estimator_as_it_was():
    model = GradientBoostingClassifier(n_iter_no_change=3)

    assert start(model) is None
    assert model.warm_start is False


def test_columns_of_categories_are_set_on_models_that_have_the_parameter():
    histogram, forest = HistGradientBoostingClassifier(), RandomForestClassifier()

    assert SCIKIT_LEARN.declare_categories(histogram, np.array([0, 2]), 3) == {}
    assert histogram.categorical_features.tolist() == [0, 2]
    assert SCIKIT_LEARN.declare_categories(forest, np.array([0, 2]), 3) is None


def test_the_number_of_rounds_is_never_left_to_the_library():
    assert SCIKIT_LEARN.find_default_rounds(RandomForestClassifier(), "n_estimators") is None


@pytest.mark.parametrize(
    ("class_sizes", "params"),
    [
        ((20, 1), {}),
        ((20, 2), {}),
        ((7,) * 8, {}),
        ((7,) * 8, {"validation_fraction": 0.2}),
        ((3, 3, 3), {"validation_fraction": 7}),
        ((20, 1), {"early_stopping": False}),
        ((20, 1), {"early_stopping": "auto"}),
        ((20, 1), {"validation_fraction": None}),
    ],
)
def test_it_is_known_when_histogram_boosting_cannot_draw_its_validation_rows(class_sizes, params):
    y = np.repeat(np.arange(len(class_sizes)), class_sizes)
    X = np.random.RandomState(0).normal(size=(len(y), 2))
    model = HistGradientBoostingClassifier(max_iter=2).set_params(**({"early_stopping": True} | params))

    if cannot_draw_validation_rows(model, y):
        with pytest.raises(ValueError, match=r"least populated class|greater or equal to the number of classes"):
            model.fit(X, y)
    else:
        model.fit(X, y)
    assert not cannot_draw_validation_rows(HistGradientBoostingRegressor(early_stopping=True), y)


@pytest.mark.parametrize(
    ("model", "n_rows", "expected"),
    [
        (HistGradientBoostingRegressor(early_stopping=True), 100, True),
        (HistGradientBoostingRegressor(), 100, False),
        (HistGradientBoostingClassifier(), 20_000, True),
        (HistGradientBoostingClassifier(early_stopping=True, validation_fraction=None), 100, False),
        (GradientBoostingClassifier(n_iter_no_change=5), 100, False),  # its rows cannot be chosen
    ],
    ids=["regression", "without early stopping", "many rows", "training loss", "other boosting"],
)
def test_it_is_known_whether_histogram_boosting_draws_validation_rows(model, n_rows, expected):
    assert draws_validation_rows(model, n_rows) is expected


BOOSTING = {"early_stopping": True, "random_state": 3, "max_iter": 60, "n_iter_no_change": 4, "max_features": 0.5}
NUMBERS = np.random.RandomState(0).normal(size=(2000, 4))


@pytest.mark.parametrize("share", [0.1, 300])
@pytest.mark.parametrize(
    ("kind", "y"),
    [
        (HistGradientBoostingClassifier, (NUMBERS[:, 0] > 0).astype(int)),
        (HistGradientBoostingClassifier, (NUMBERS[:, 0] > 0) + (NUMBERS[:, 1] > 1).astype(int)),
        (HistGradientBoostingRegressor, NUMBERS[:, 0] ** 2 + NUMBERS[:, 1]),
    ],
    ids=["two classes", "three classes", "regression"],
)
def test_with_the_rows_that_it_would_draw_histogram_boosting_is_the_same_model(kind, y, share):
    make = partial(kind, **BOOSTING, validation_fraction=share)
    alone = make().fit(NUMBERS, y)

    train, validation = draw_validation_rows(make(), y)
    given = make().fit(NUMBERS[train], y[train], X_val=NUMBERS[validation], y_val=y[validation])

    predict = "predict_proba" if kind is HistGradientBoostingClassifier else "predict"
    np.testing.assert_array_equal(getattr(given, predict)(NUMBERS), getattr(alone, predict)(NUMBERS))
    np.testing.assert_array_equal(given.validation_score_, alone.validation_score_)


@pytest.mark.parametrize(
    "settings",
    [
        {"early_stopping": False},
        {"early_stopping": "auto"},
        {"random_state": None},
        {"warm_start": True},
        {"class_weight": "balanced"},
        {"categorical_features": [0]},
        {"validation_fraction": None},
    ],
    ids=str,
)
def test_no_rows_are_drawn_where_the_model_would_be_another_one(settings):
    model = HistGradientBoostingClassifier(**BOOSTING).set_params(**settings)

    assert draw_validation_rows(model, Y) is None
    assert draw_validation_rows(LogisticRegression(), Y) is None


def test_no_rows_are_drawn_where_a_class_would_be_missing_from_training():
    model = HistGradientBoostingClassifier(**BOOSTING, validation_fraction=0.5)
    y = np.repeat([0, 1, 2], [100, 100, 2])

    assert draw_validation_rows(model, y) is not None
    assert draw_validation_rows(model.set_params(validation_fraction=0.9), y) is None
