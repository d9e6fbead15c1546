"""Candidates on a transformed target: chosen inside the folds, turned back to what the score wants, written as code."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import TimeSeriesSplit

from sklearn_autotune import AutoModelSelector
from sklearn_autotune._compat.sklearn import limit_to_one_thread
from sklearn_autotune.export import export_code
from sklearn_autotune.inference._target_transform import TransformedTarget

RANDOM = np.random.RandomState(0)
X = pd.DataFrame({"size": RANDOM.normal(size=240), "age": RANDOM.normal(size=240)})
PRICES = 1000 * np.exp(X["size"] + 0.5 * X["age"] + 0.2 * RANDOM.normal(size=240)).to_numpy()


def select(y, families="ridge", **params):
    return AutoModelSelector("regression", families, **({"n_trials": 3, "cv": 4, "random_state": 0} | params)).fit(X, y)


def find_models(selector):
    """The models of the blend's members."""
    fitted = [member.estimator.models for member in selector.best_estimator_[-1].estimators_]
    return [pipeline[-1] for models in fitted for pipeline in models]


def test_prices_that_are_products_are_fitted_on_their_logarithm():
    selector = select(PRICES, blend=False)

    assert selector.best_params_["ridge__target"] == "log"
    assert {type(model) for model in find_models(selector)} == {TransformedTarget}
    plain = select(PRICES, n_trials=1)
    assert selector.best_score_ > 0.8 * plain.best_score_
    assert selector.predict(X).mean() == pytest.approx(PRICES.mean(), rel=0.1)


def test_a_target_that_is_not_skewed_has_no_such_parameter():
    assert "ridge__target" not in select(np.log(PRICES)).best_params_


@pytest.mark.parametrize(("scoring", "smears"), [(None, True), ("r2", True), ("neg_mean_absolute_error", False)])
def test_predictions_are_turned_back_to_what_the_score_wants(scoring, smears):
    models = find_models(select(PRICES, scoring=scoring, blend=False))

    assert {model.smears for model in models} == {smears}


def test_where_the_folds_follow_time_later_rows_do_not_decide():
    """The first rows are not skewed; with later ones the target is. Later negative values only rule out a logarithm."""
    folds = TimeSeriesSplit(3)
    early, late = np.log(PRICES[:60]), PRICES[60:]

    assert "ridge__target" not in select(np.concatenate([early, late]), cv=folds).best_params_
    skewed_first = select(np.concatenate([PRICES[:200], -PRICES[200:]]), cv=folds)
    assert {params["ridge__target"] for params in skewed_first.cv_results_["params"]} == {"unchanged", "power"}


def test_the_script_of_a_blend_with_transformed_targets_predicts_the_same():
    selector = select(PRICES, ["ridge", "svm", "neighbors"], n_trials=8)
    assert any(isinstance(model, TransformedTarget) for model in find_models(selector))

    with limit_to_one_thread():
        export_code(selector, check=(X, PRICES))


def test_weights_and_jobs_are_as_for_other_candidates():
    weight = np.where(np.arange(240) % 2, 1.0, 3.0)
    make = {"families": ["ridge", "svm"], "n_trials": 4, "cv": 2, "random_state": 0}
    one, two = (
        AutoModelSelector("regression", **make, n_jobs=n_jobs).fit(X, PRICES, sample_weight=weight) for n_jobs in (1, 2)
    )

    assert {params.get("ridge__target", params.get("svm__target")) for params in one.cv_results_["params"]} == {
        "unchanged",
        "log",
    }
    np.testing.assert_array_equal(one.leaderboard_["mean_score"], two.leaderboard_["mean_score"])
    np.testing.assert_allclose(one.predict(X), two.predict(X))
