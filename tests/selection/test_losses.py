"""The losses that fit the score: every booster minimises them, and the score is better for it."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import make_scorer, mean_pinball_loss, mean_tweedie_deviance

from sklearn_autotune import AutoModelSelector
from sklearn_autotune._compat.sklearn import limit_to_one_thread
from sklearn_autotune.export import export_code
from sklearn_autotune.families import FAMILIES, Shape, auto_space
from sklearn_autotune.selection._candidates import get_settings, make_first_candidates, make_selection_space

BOOSTERS = ("xgboost", "lightgbm", "hist_gradient_boosting", "gradient_boosting", "catboost")
PARAMETERS = {"xgboost": "objective", "lightgbm": "objective", "catboost": "loss_function"}
CATALOGUE = {family.name: family for family in FAMILIES}
PINBALL = make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False)
TWEEDIE = make_scorer(mean_tweedie_deviance, power=1.5, greater_is_better=False)

# The score, and what XGBoost may minimise for it.
SCORES = {
    "neg_mean_absolute_error": ["reg:squarederror", "reg:absoluteerror"],
    "neg_mean_poisson_deviance": ["count:poisson"],
    "neg_mean_gamma_deviance": ["reg:gamma"],
    "r2": None,
}


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return X[:200], y[:200]


def require(name):
    if name == "catboost":
        pytest.importorskip("catboost")


def select(families, data, scoring, **params):
    own = {"n_trials": 2, "cv": 3, "random_state": 0}
    return AutoModelSelector("regression", families, scoring=scoring, **(own | params)).fit(*data)


@pytest.mark.parametrize("scoring", SCORES)
def test_the_loss_follows_the_score(scoring, diabetes):
    selector = select("xgboost", diabetes, scoring)

    tried = {params.get("xgboost__objective") for params in selector.cv_results_["params"]}
    assert tried <= set(SCORES[scoring] or [None])
    assert set(selector.leaderboard_["status"]) <= {"complete", "pruned"}


@pytest.mark.parametrize("name", BOOSTERS)
def test_the_loss_that_fits_is_tried_after_the_first_candidate(name):
    shape = Shape(200, False, loss="absolute")
    parameter = PARAMETERS.get(name, "loss")
    require(name)

    (branch,) = make_selection_space({name: CATALOGUE[name]}, shape)
    first, second, *_ = map(get_settings, make_first_candidates(CATALOGUE[name], shape))

    assert [first[parameter], second[parameter]] == branch[f"{name}__{parameter}"]
    assert first | {parameter: second[parameter]} == second


@pytest.mark.parametrize("name", BOOSTERS)
def test_a_quantile_is_what_boosters_predict_where_the_score_wants_it(name, diabetes):
    require(name)
    X, y = diabetes
    selector = select(name, diabetes, PINBALL, n_trials=1)

    share = np.mean(y <= selector.predict(X))
    assert 0.7 < share < 1.0


@pytest.mark.parametrize("scoring", [PINBALL, TWEEDIE], ids=["quantile", "tweedie"])
def test_a_script_has_the_loss(scoring, diabetes):
    selector = select(["xgboost", "lightgbm", "hist_gradient_boosting"], diabetes, scoring, n_trials=3)

    with limit_to_one_thread():
        export_code(selector, check=diabetes)


@pytest.mark.few_by_day(6)
@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "catboost"])
@pytest.mark.parametrize(
    ("scoring", "expected"),
    [
        (TWEEDIE, {"reg:tweedie", "tweedie", "Tweedie:variance_power=1.5"}),
        ("neg_mean_gamma_deviance", {"reg:gamma", "gamma", "Tweedie:variance_power=1.99"}),
        ("neg_mean_absolute_percentage_error", {"reg:absoluteerror", "mape", "MAPE"}),
        ("neg_mean_absolute_error", {"reg:absoluteerror", "regression_l1", "MAE"}),
    ],
    ids=["tweedie", "gamma", "percentage", "absolute"],
)
def test_every_library_minimises_its_own_form_of_the_loss(name, scoring, expected, diabetes):
    require(name)
    selector = select(name, diabetes, scoring, n_trials=3)

    tried = [params[f"{name}__{PARAMETERS[name]}"] for params in selector.cv_results_["params"]]
    assert expected & set(tried)
    assert set(selector.leaderboard_["status"]) <= {"complete", "pruned"}


@pytest.mark.parametrize(
    "scoring", ["neg_mean_absolute_error", PINBALL, TWEEDIE], ids=["absolute", "quantile", "tweedie"]
)
def test_catboost_with_a_loss_is_fitted_on_all_rows_and_written_as_a_script(scoring, diabetes):
    require("catboost")
    catboost = replace(CATALOGUE["catboost"], is_bagged=False)

    selector = select([catboost], diabetes, scoring)

    export_code(selector, check=diabetes)


def test_counts_get_positive_predictions_from_every_family(diabetes):
    X, _ = diabetes
    counts = np.random.RandomState(0).poisson(np.exp(20 * X[:, 2]))
    families = ["ridge", "neighbors", "extra_trees", "hist_gradient_boosting"]

    selector = select(families, (X, counts), "neg_mean_poisson_deviance", n_trials=6)

    assert set(selector.leaderboard_["status"]) <= {"complete", "pruned"}
    assert set(selector.leaderboard_["family"]) == set(families)
    assert (selector.predict(X) > 0).all()


def test_a_users_estimator_keeps_its_loss():
    assert "loss" not in auto_space(HistGradientBoostingRegressor(loss="gamma"), n_rows=100)
