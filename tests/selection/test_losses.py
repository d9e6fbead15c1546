"""The losses that fit the score: every booster minimises them, and the score is better for it."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import make_scorer, mean_pinball_loss

from sklearn_autotune import AutoModelSelector
from sklearn_autotune._compat.sklearn import limit_to_one_thread
from sklearn_autotune.export import export_code
from sklearn_autotune.families import FAMILIES, Shape, auto_space
from sklearn_autotune.selection._candidates import get_settings, make_first_candidates, make_selection_space

BOOSTERS = ("xgboost", "lightgbm", "hist_gradient_boosting", "gradient_boosting")
CATALOGUE = {family.name: family for family in FAMILIES}
PINBALL = make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False)

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
    parameter = "objective" if name in ("xgboost", "lightgbm") else "loss"

    (branch,) = make_selection_space({name: CATALOGUE[name]}, shape)
    first, second, *_ = map(get_settings, make_first_candidates(CATALOGUE[name], shape))

    assert [first[parameter], second[parameter]] == branch[f"{name}__{parameter}"]
    assert first | {parameter: second[parameter]} == second


@pytest.mark.parametrize("name", BOOSTERS)
def test_a_quantile_is_what_boosters_predict_where_the_score_wants_it(name, diabetes):
    X, y = diabetes
    selector = select(name, diabetes, PINBALL, n_trials=1)

    share = np.mean(y <= selector.predict(X))
    assert 0.7 < share < 1.0


def test_a_script_has_the_loss(diabetes):
    selector = select(["xgboost", "lightgbm", "hist_gradient_boosting"], diabetes, PINBALL, n_trials=3)

    with limit_to_one_thread():
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
