"""CatBoost: early stopping keeps all rounds. Tests that need the package are skipped if it is not installed."""

import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_autotune._compat.boosters import PartFit
from sklearn_autotune._compat.boosters._catboost import CATBOOST
from sklearn_autotune.boosting._early_stopping import drop_training_data

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(120, 3))
Y = (X[:, 0] + RANDOM.normal(size=120) > 0).astype(int)
NEVER, AT_ONCE = float("inf"), 0.0


@pytest.fixture
def catboost():
    return pytest.importorskip("catboost")


def make(catboost, **params):
    params = {"iterations": 200, "learning_rate": 0.5, "depth": 3, "early_stopping_rounds": 3} | params
    return catboost.CatBoostClassifier(
        **params, random_state=0, thread_count=1, verbose=False, allow_writing_files=False
    )


def fit(model, end_time=NEVER):
    CATBOOST.fit_until(model, X[:80], Y[:80], (X[80:], Y[80:]), end_time, {})
    return model


def test_its_rounds_have_one_name_that_is_set_and_others_that_are_taken():
    assert CATBOOST.rounds_params == ("iterations",)
    assert set(CATBOOST.rounds_aliases) == {"n_estimators", "num_boost_round", "num_trees"}


def test_nothing_is_continued_told_or_known_by_default():
    model = object()

    assert CATBOOST.start_continued_fit(PartFit(model, "iterations", (X, Y), {}), 5) is None
    assert CATBOOST.declare_categories(model, np.array([0]), 3) is None
    assert CATBOOST.find_default_rounds(model, "iterations") is None


def test_training_stops_early_and_rounds_after_the_best_one_are_kept(catboost):
    model = fit(make(catboost))

    best = CATBOOST.get_best_rounds(model)
    assert best < CATBOOST.get_used_rounds(model) < 200
    CATBOOST.set_prediction_rounds(model, best)
    assert CATBOOST.get_used_rounds(model) == best
    # With fewer than 200 rounds CatBoost's own default is 1.
    fresh = make(catboost, iterations=best, early_stopping_rounds=None, leaf_estimation_iterations=10)
    fresh.fit(X[:80], Y[:80])
    np.testing.assert_array_equal(model.predict_proba(X), fresh.predict_proba(X))


def test_rounds_that_were_not_trained_cannot_be_predicted_with(catboost):
    model = fit(make(catboost))
    n_trained = CATBOOST.get_used_rounds(model)

    CATBOOST.set_prediction_rounds(model, 10_000)

    assert CATBOOST.get_used_rounds(model) == n_trained


def test_without_time_one_round_is_trained_and_no_callback_stays_on_the_model(catboost):
    model = fit(make(catboost), end_time=AT_ONCE)

    assert CATBOOST.get_used_rounds(model) == 1
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize("own", [{}, {"learning_rate": None}], ids=["rate", "default rate"])
def test_defaults_that_depend_on_the_number_of_rounds_are_kept_when_the_model_is_fitted_again(own, catboost):
    params = {"iterations": 300, "learning_rate": 0.1, "early_stopping_rounds": 30} | own
    params = {name: value for name, value in params.items() if value is not None}
    model = catboost.CatBoostClassifier(
        **params, random_state=0, thread_count=1, verbose=False, allow_writing_files=False
    )
    fit(model)
    CATBOOST.set_prediction_rounds(model, CATBOOST.get_best_rounds(model))

    changes = CATBOOST.find_refit_params(model)
    kept = {name: value for name, value in model.get_params().items() if name not in changes}
    again = type(model)(**kept, **{name: value for name, value in changes.items() if value is not None})

    assert changes["iterations"] < 200
    assert changes["leaf_estimation_iterations"] == 10  # with fewer than 200 rounds the default is 1
    assert ("learning_rate" in changes) == bool(own)
    np.testing.assert_allclose(again.fit(X[:80], Y[:80]).predict_proba(X), model.predict_proba(X))


def test_a_model_that_has_all_its_rounds_is_fitted_again_with_its_own_parameters(catboost):
    model = make(catboost, iterations=5, early_stopping_rounds=None)

    assert CATBOOST.find_refit_params(model) == {}
    assert CATBOOST.find_refit_params(model.fit(X, Y)) == {}


# -- memory ------------------------------------------------------------------------------------------------------------

MEASURE = """
import gc, os
import numpy as np
from sklearn_autotune._compat.boosters._catboost import import_catboost
from sklearn_autotune.boosting._early_stopping import drop_training_data

def read_bytes():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

catboost = import_catboost()
X = np.random.RandomState(0).normal(size=(200_000, 10)).astype(np.float32)
before = read_bytes()
model = catboost.CatBoostRegressor(iterations=3, thread_count=1, verbose=False, allow_writing_files=False)
model.fit(X, X[:, 0])
model = drop_training_data(model, model)
gc.collect()
print(read_bytes() - before, os.environ.get("MIMALLOC_PURGE_DELAY"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux")
def test_what_a_fit_has_taken_is_given_back_to_the_system(catboost):
    def run(**env):
        done = subprocess.run([sys.executable, "-c", MEASURE], env=os.environ | env, capture_output=True, check=True)
        n_bytes, variable = done.stdout.decode().split()
        return int(n_bytes), variable

    n_bytes, variable = run()
    n_kept, user_variable = run(MIMALLOC_PURGE_DELAY="100000")

    assert n_bytes < n_kept / 2
    assert (variable, user_variable) == ("None", "100000")


def test_a_model_without_training_data_predicts_the_same(catboost):
    model = fit(make(catboost))

    smaller = drop_training_data(model, model)

    assert smaller is not model
    np.testing.assert_array_equal(smaller.predict_proba(X), model.predict_proba(X))
