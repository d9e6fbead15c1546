"""LightGBM: early stopping that keeps all rounds, and categories as an argument of ``fit``."""

import numpy as np
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import clone

from sklearn_autotune._compat.boosters import PartFit
from sklearn_autotune._compat.boosters._lightgbm import LIGHTGBM

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(120, 3))
Y = (X[:, 0] + RANDOM.normal(size=120) > 0).astype(int)
EVAL_ROWS = X[80:], Y[80:]
NEVER, AT_ONCE = float("inf"), 0.0


def make(**params):
    params = {"n_estimators": 300, "learning_rate": 0.5, "num_leaves": 4, "early_stopping_round": 3} | params
    return LGBMClassifier(**params, min_child_samples=5, random_state=0, n_jobs=1, verbose=-1)


def fit(model, end_time=NEVER, **fit_params):
    LIGHTGBM.fit_until(model, X[:80], Y[:80], EVAL_ROWS, end_time, fit_params)
    return model


def losses(model, metric="binary_logloss"):
    return next(iter(model.evals_result_.values()))[metric]


def test_training_ends_when_no_round_was_better_for_as_long_as_the_patience_says():
    model = fit(make())

    best = LIGHTGBM.get_best_rounds(model)
    assert best == int(np.argmin(losses(model))) + 1
    assert model.booster_.current_iteration() == best + 3 < 300


def test_rounds_after_the_best_one_are_kept_for_predictions():
    model = fit(make())
    more = LIGHTGBM.get_best_rounds(model) + 2

    LIGHTGBM.set_prediction_rounds(model, more)

    fresh = make(n_estimators=more, early_stopping_round=None).fit(X[:80], Y[:80])
    assert LIGHTGBM.get_used_rounds(model) == more
    np.testing.assert_array_equal(model.predict_proba(X), fresh.predict_proba(X))


def test_rounds_that_were_not_trained_cannot_be_predicted_with():
    model = fit(make())

    LIGHTGBM.set_prediction_rounds(model, 10_000)

    assert LIGHTGBM.get_used_rounds(model) == model.booster_.current_iteration()


def test_a_higher_score_is_better_where_the_metric_says_so():
    model = fit(make(metric="auc"))

    assert LIGHTGBM.get_best_rounds(model) == int(np.argmax(losses(model, "auc"))) + 1


def test_without_time_one_round_is_trained():
    model = fit(make(), end_time=AT_ONCE)

    assert model.booster_.current_iteration() == LIGHTGBM.get_best_rounds(model) == 1


def test_the_patience_is_the_same_after_the_fit_and_can_be_cloned():
    model = fit(make())

    assert model.get_params()["early_stopping_round"] == 3
    assert clone(model).get_params() == model.get_params()


def test_arguments_of_fit_reach_lightgbm():
    weight = np.where(Y[:80] == 1, 9.0, 1.0)
    plain, weighted = fit(make(), end_time=AT_ONCE), fit(make(), end_time=AT_ONCE, sample_weight=weight)

    assert weighted.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean() + 0.1


def test_categories_are_an_argument_of_fit_and_set_nothing():
    model = LGBMRegressor()
    before = model.get_params()

    assert LIGHTGBM.declare_categories(model, np.array([0, 2]), 3) == {"categorical_feature": [0, 2]}
    assert model.get_params() == before


def test_nothing_is_continued_and_the_number_of_rounds_is_always_set():
    fit = PartFit(make(), "n_estimators", (X, Y), {})

    assert LIGHTGBM.start_continued_fit(fit, 5) is None
    assert LIGHTGBM.find_default_rounds(make(), "n_estimators") is None


@pytest.mark.parametrize("name", [*LIGHTGBM.rounds_params, LIGHTGBM.patience_param])
def test_the_parameters_are_those_of_lightgbms_estimators(name):
    assert make().set_params(**{name: 7}).get_params()[name] == 7


def assert_refit(model, rows):
    """A fit with the changed parameters and without evaluation rows gives the same model once more."""
    changes = LIGHTGBM.find_refit_params(model)
    kept = {name: value for name, value in model.get_params().items() if name not in changes}
    again = type(model)(**kept, **{name: value for name, value in changes.items() if value is not None})

    np.testing.assert_array_equal(again.fit(X[:80], Y[:80]).predict_proba(rows), model.predict_proba(rows))


def test_the_rounds_that_predictions_are_made_with_can_be_fitted_again():
    model = fit(make())

    assert_refit(model, X)
    LIGHTGBM.set_prediction_rounds(model, LIGHTGBM.get_best_rounds(model) + 2)
    assert_refit(model, X)
    assert LIGHTGBM.find_refit_params(make()) == {}
    assert LIGHTGBM.find_refit_params(make(early_stopping_round=None).fit(X, Y)) == {}


def test_rounds_that_found_no_split_are_counted_when_the_model_is_fitted_again():
    # Each tree is given one column, and the rare indicators leave too few rows on one side to split.
    columns = np.column_stack([X[:, 0], np.random.RandomState(0).rand(120, 3) < 0.08])
    params = {"colsample_bytree": 0.25, "learning_rate": 0.1, "min_child_weight": 3, "early_stopping_round": 20}
    model = make(**params)
    LIGHTGBM.fit_until(model, columns[:80], Y[:80], (columns[80:], Y[80:]), NEVER, {})

    n_rounds = LIGHTGBM.find_refit_params(model)["n_estimators"]
    again = make(**params | {"early_stopping_round": None, "n_estimators": n_rounds}).fit(columns[:80], Y[:80])

    assert n_rounds > model.booster_.num_trees() > 1
    np.testing.assert_array_equal(again.predict_proba(columns), model.predict_proba(columns))


def test_boosting_that_changes_earlier_rounds_cannot_be_fitted_again_with_fewer():
    assert LIGHTGBM.find_refit_params(fit(make(boosting_type="dart", n_estimators=20))) is None
