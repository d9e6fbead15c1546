"""XGBoost: early stopping that keeps all rounds, fits that can pause, default rounds and categories."""

import threading

import numpy as np
import pytest
from sklearn.base import clone
from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier
from xgboost.callback import TrainingCallback

from sklearn_autotune._compat.boosters import PartFit, find_default_rounds
from sklearn_autotune._compat.boosters._xgboost import XGBOOST, make_feature_types
from tests.threads import started_threads

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(120, 3))
Y = (X[:, 0] + RANDOM.normal(size=120) > 0).astype(int)
NEVER, AT_ONCE = float("inf"), 0.0


def make(**params):
    params = {"n_estimators": 300, "learning_rate": 0.5, "max_depth": 3} | params
    return XGBClassifier(**params, random_state=0, n_jobs=1)


def fit(model, end_time=NEVER, **fit_params):
    XGBOOST.fit_until(model, X[:80], Y[:80], (X[80:], Y[80:]), end_time, fit_params)
    return model


# -- rounds ------------------------------------------------------------------------------------------------------------


def test_default_rounds_are_those_of_the_library():
    assert find_default_rounds(XGBClassifier(), "n_estimators") == 100
    assert find_default_rounds(XGBClassifier(), "max_depth") is None
    assert find_default_rounds(XGBRFClassifier(), "n_estimators") is None  # it counts trees in one round


def test_a_class_derived_from_a_librarys_is_not_taken_for_it():
    class Derived(XGBClassifier):
        pass

    assert find_default_rounds(Derived(), "n_estimators") is None


def test_rounds_that_are_set_are_the_default():
    assert XGBOOST.find_default_rounds(XGBRegressor(n_estimators=7), "n_estimators") == 7


# -- early stopping ----------------------------------------------------------------------------------------------------


def test_training_ends_when_no_round_was_better_for_as_long_as_the_patience_says():
    model = fit(make(early_stopping_rounds=3))

    best, losses = XGBOOST.get_best_rounds(model), model.evals_result()["validation_0"]["logloss"]
    assert best == int(np.argmin(losses)) + 1
    assert model.get_booster().num_boosted_rounds() == best + 3 < 300


def test_rounds_after_the_best_one_are_kept_for_predictions():
    model = fit(make(early_stopping_rounds=3))
    more = XGBOOST.get_best_rounds(model) + 2

    XGBOOST.set_prediction_rounds(model, more)

    assert XGBOOST.get_used_rounds(model) == more
    fresh = make(n_estimators=more).fit(X[:80], Y[:80])
    np.testing.assert_array_equal(model.predict_proba(X), fresh.predict_proba(X))


def test_rounds_that_were_not_trained_cannot_be_predicted_with():
    model = fit(make(early_stopping_rounds=3))

    XGBOOST.set_prediction_rounds(model, 10_000)

    assert XGBOOST.get_used_rounds(model) == model.get_booster().num_boosted_rounds()


def test_without_time_training_ends_after_the_rounds_that_early_stopping_has_to_see():
    model = fit(make(early_stopping_rounds=30), end_time=AT_ONCE)

    assert model.get_booster().num_boosted_rounds() == 2
    assert XGBOOST.get_best_rounds(model) in (1, 2)


def test_no_callback_stays_on_a_model_that_was_fitted():
    model = fit(make(early_stopping_rounds=3))

    assert model.callbacks is None
    assert clone(model).get_params() == make(early_stopping_rounds=3).get_params()


# -- fits that pause ---------------------------------------------------------------------------------------------------


def start(model, rounds_param="n_estimators", **fit_params):
    return XGBOOST.start_continued_fit(PartFit(model, rounds_param, (X, Y), fit_params), 12)


def test_each_pause_gives_an_estimator_of_its_own_with_so_many_rounds():
    continued = start(make(subsample=0.5))

    early, late = continued.continue_to(2), continued.continue_to(5)
    continued.close()

    assert early is not late
    for part, n_rounds in ((early, 2), (late, 5)):
        assert part.n_estimators == part.get_booster().num_boosted_rounds() == n_rounds
        fresh = make(subsample=0.5, n_estimators=n_rounds).fit(X, Y)
        np.testing.assert_array_equal(part.predict_proba(X), fresh.predict_proba(X))
        assert part.callbacks is None


def test_a_paused_fit_leaves_the_estimator_it_was_given_unfitted():
    model = make()
    continued = start(model)
    continued.continue_to(2)
    continued.close()

    assert not model.__sklearn_is_fitted__()
    assert model.n_estimators == 300


def test_closing_ends_the_thread_whether_or_not_a_round_was_asked_for():
    before = threading.enumerate()
    idle, paused = start(make()), start(make())
    paused.continue_to(2)
    assert len(started_threads(before)) == 2

    idle.close()
    paused.close()

    assert started_threads(before) == []


def test_asking_for_a_round_after_the_last_one_is_an_error_and_does_not_wait_for_ever():
    continued = start(make())
    continued.continue_to(12)

    with pytest.raises(RuntimeError, match="ended its training before the requested round"):
        continued.continue_to(13)
    continued.close()


def squared(y_true, y_pred):
    return y_pred - y_true, np.ones_like(y_true)


@pytest.mark.parametrize(
    ("model", "rounds_param", "fit_params"),
    [
        (make(booster="dart"), "n_estimators", {}),
        (make(booster="gblinear"), "n_estimators", {}),
        (make(early_stopping_rounds=3), "n_estimators", {}),
        (make(callbacks=[TrainingCallback()]), "n_estimators", {}),
        (make(objective=squared), "n_estimators", {}),
        (make(), "max_depth", {}),
        (make(), "n_estimators", {"xgb_model": "model.json"}),
        (XGBRFClassifier(), "n_estimators", {}),
    ],
    ids=["dart", "linear", "stops", "callback", "objective", "another parameter", "model", "forest"],
)
def test_a_fit_that_is_not_known_to_be_exact_is_not_started(model, rounds_param, fit_params):
    assert start(model, rounds_param, **fit_params) is None


# -- a fit without evaluation rows -------------------------------------------------------------------------------------


def test_the_rounds_that_predictions_are_made_with_can_be_fitted_again():
    model = fit(make(early_stopping_rounds=3, subsample=0.7))

    changes = XGBOOST.find_refit_params(model)

    assert changes == {"n_estimators": XGBOOST.get_used_rounds(model), "early_stopping_rounds": None}
    again = make(subsample=0.7, n_estimators=changes["n_estimators"]).fit(X[:80], Y[:80])
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_a_model_that_has_all_its_rounds_is_fitted_again_with_its_own_parameters():
    assert XGBOOST.find_refit_params(make()) == {}
    assert XGBOOST.find_refit_params(make(n_estimators=3).fit(X, Y)) == {}
    assert XGBOOST.find_refit_params(XGBRFClassifier(n_estimators=3, n_jobs=1).fit(X, Y)) == {}


@pytest.mark.parametrize("booster", ["dart", "gblinear"])
def test_boosting_that_changes_earlier_rounds_cannot_be_fitted_again_with_fewer(booster):
    model = make(early_stopping_rounds=3, booster=booster, max_depth=None, n_estimators=30)

    assert XGBOOST.find_refit_params(fit(model)) is None


# -- categories --------------------------------------------------------------------------------------------------------


def test_columns_of_categories_are_marked_and_all_others_are_numbers():
    assert make_feature_types(np.array([0, 3]), 4) == ["c", "q", "q", "c"]
    assert make_feature_types([], 2) == ["q", "q"]


def test_categories_that_were_told_are_split_as_categories():
    codes = np.arange(80.0).reshape(-1, 1) % 4
    labels = np.isin(codes[:, 0], (0, 2)).astype(int)  # no single threshold parts them, a set of categories does
    model = XGBClassifier(n_estimators=1, max_depth=1, max_cat_to_onehot=1, enable_categorical=True, n_jobs=1)

    assert XGBOOST.declare_categories(model, np.array([0]), 1) == {}
    assert model.fit(codes, labels).score(codes, labels) == 1.0
