"""Candidates with generated columns: where there are some, what they are fitted on, and their code."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import TimeSeriesSplit
from sklearn.tree import DecisionTreeRegressor

from sklearn_autotune import AutoModelSelector
from sklearn_autotune._compat.sklearn import limit_to_one_thread
from sklearn_autotune.export import export_code
from sklearn_autotune.families import Family
from sklearn_autotune.inference._feature_generator import FeatureGenerator
from tests.faults.nightly import at_night
from tests.selection.toy_families import family, make_cross_fit

RANDOM = np.random.RandomState(0)
X = pd.DataFrame(
    {
        "width": RANDOM.normal(size=400),
        "height": RANDOM.normal(size=400),
        "colour": RANDOM.choice(["red", "green", None], 400),
    }
)
AREA = (X["width"] * X["height"] + 0.1 * RANDOM.normal(size=400)).to_numpy()
PLAIN = X["width"].to_numpy() + RANDOM.normal(size=400)

# A family of the user's own, whose final model is fitted on all rows.
TREE = Family(
    name="tree",
    estimators=("sklearn.DecisionTreeRegressor",),
    space=lambda shape: {"max_depth": [3, 5]},
    make=lambda shape: DecisionTreeRegressor(),
    first=({"max_depth": 5},),
    columns="coded",
    is_bagged=False,
    generates=True,
)


def select(y, families="ridge", task="regression", **params):
    given = {"n_trials": 3, "cv": 3, "random_state": 0, "generate_features": True} | params
    return AutoModelSelector(task, families, **given).fit(X, y)


def pipelines(selector):
    """The fitted pipelines of the blend's members."""
    return [one for member in selector.best_estimator_[-1].estimators_ for one in member.estimator.models]


def test_a_product_is_found_and_makes_the_linear_model_better():
    selector = select(AREA, blend=False)

    assert selector.best_params_["ridge__features"] == "generated"
    assert selector.best_score_ > 0.5 * select(AREA, n_trials=1).best_score_
    names = pipelines(selector)[0]["generated"].get_feature_names_out(["width", "height", "colour"])
    assert "width * height" in names


@pytest.mark.parametrize("families", [["xgboost"], ["lightgbm"], ["hist_gradient_boosting"]])
def test_trees_get_them_too(families):
    if families == ["lightgbm"]:
        pytest.importorskip("lightgbm")
    selector = select(AREA > 0, families, "classification", n_trials=2, blend=False)

    assert selector.best_params_[f"{families[0]}__features"] == "generated"
    assert selector.score(X, AREA > 0) > 0.9


@pytest.mark.parametrize(
    ("y", "params"), [(PLAIN, {}), (AREA, {"generate_features": False}), (AREA, {"timeout": 1e-3})]
)
def test_without_generated_columns_there_is_no_such_parameter(y, params):
    """No fold can make columns that say more than noise, nobody asked for them, or there is no time."""
    found = select(y, **params).cv_results_["params"]

    assert not [name for candidate in found for name in candidate if name.endswith("features")]


def test_families_that_do_not_generate_have_no_such_parameter():
    found = select(AREA, ["ridge", "neighbors"], n_trials=4).cv_results_["params"]

    assert {"ridge__features"} == {name for candidate in found for name in candidate if name.endswith("__features")}


def test_each_fold_chooses_on_its_own_training_rows():
    """The width of the last third is turned round, and its target is noise: the other folds do not see that."""
    cross_fit = make_cross_fit([], X[["width", "height"]].to_numpy(), AREA)
    changed_X, changed_y = cross_fit.task.X.copy(), AREA.copy()
    held_out = cross_fit.task.folds[0].test
    changed_X[held_out] *= -3
    changed_y[held_out] = RANDOM.normal(size=len(held_out))
    changed = make_cross_fit([], changed_X, changed_y)

    train = cross_fit.task.folds[0].train
    first, second = (one.steps.fit(train, one.targets[train], generates=True) for one in (cross_fit, changed))

    assert first.n_categories.shape[0] > 2
    np.testing.assert_array_equal(first.X, second.X)


def test_where_the_folds_follow_time_later_rows_do_not_decide():
    y = np.where(np.arange(400) < 130, PLAIN, AREA)

    found = select(y, cv=TimeSeriesSplit(2)).cv_results_["params"]

    assert "ridge__features" not in found[0]


def test_workers_get_the_columns_that_are_chosen(monkeypatch):
    cross_fit = make_cross_fit([family("any")], X[["width", "height"]].to_numpy(), AREA)
    assert cross_fit.can_generate(None)
    train = cross_fit.task.folds[0].train
    expected = cross_fit.steps.fit(train, AREA[train], generates=True)

    loaded = pickle.loads(pickle.dumps(cross_fit.steps))
    monkeypatch.setattr(FeatureGenerator, "fit", lambda self, X, y: pytest.fail("they are chosen already"))

    np.testing.assert_array_equal(loaded.fit(train, AREA[train], generates=True).X, expected.X)


@at_night
def test_jobs_and_a_clone_give_the_same_result():
    one = select(AREA, ["ridge", TREE], n_trials=4)
    two = clone(one).set_params(n_jobs=2).fit(X, AREA)

    np.testing.assert_array_equal(one.leaderboard_["mean_score"], two.leaderboard_["mean_score"])
    np.testing.assert_allclose(one.predict(X), two.predict(X))


def test_rows_with_new_categories_and_gaps_are_predicted():
    selector = select(AREA, ["ridge", TREE, "xgboost"], n_trials=6)
    new = pd.DataFrame({"width": [1.0, np.nan, 0.0], "height": [0.0, 1.0, np.nan], "colour": ["blue", None, "red"]})

    assert np.isfinite(selector.predict(new)).all()


def test_the_script_of_a_model_of_all_rows_predicts_the_same():
    selector = select(AREA, TREE, blend=False)
    assert "generated" in pipelines(selector)[0].named_steps

    with limit_to_one_thread():
        export_code(selector, check=(X, AREA))


def test_where_the_folds_columns_differ_there_is_no_script():
    selector = select(AREA, ["xgboost"], blend=False)
    models = pipelines(selector)
    assert all("generated" in one.named_steps for one in models)
    models[0]["columns"].transformers = [("kept", "passthrough", [0])]

    with pytest.raises(ValueError, match="different generated columns"):
        export_code(selector)
