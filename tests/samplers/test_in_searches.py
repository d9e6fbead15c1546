"""The samplers of this package in a search."""

import pickle
import sys

import optuna
import pytest
from optuna.distributions import FloatDistribution
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.samplers import ForestSampler, RustTPESampler


def new_study(sampler=None, direction="maximize", **kwargs):
    return optuna.create_study(direction=direction, sampler=sampler or RustTPESampler(seed=0), **kwargs)


@pytest.mark.parametrize("make", [ForestSampler, RustTPESampler])
def test_a_search_takes_it_as_sampler_and_leaves_it_as_it_was(make):
    X, y = load_iris(return_X_y=True)
    space = [
        {"kernel": ["rbf"], "C": FloatDistribution(1e-2, 1e2, log=True), "gamma": FloatDistribution(1e-3, 1, log=True)},
        {"kernel": ["linear"], "C": FloatDistribution(1e-2, 1e2, log=True), "gamma": ["scale"]},
    ]
    sampler = make(seed=0)
    searches = [OptunaSearchCV(SVC(), space, n_trials=20, cv=3, sampler=sampler, random_state=0) for _ in range(2)]
    candidates = [search.fit(X[::3], y[::3]).cv_results_["params"] for search in searches]

    assert candidates[0] == candidates[1]
    assert vars(sampler) == {"seed": 0, "n_startup_trials": 10}
    assert pickle.loads(pickle.dumps(searches[0])).best_params_ == searches[0].best_params_


def test_without_rustuna_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rustuna", None)
    trial = new_study().ask()

    with pytest.raises(ImportError, match="RustTPESampler needs rustuna: pip install rustuna"):
        trial.suggest_float("x", 0, 1)
