"""Logarithmic axes: the space that was written decides, not the values that were drawn."""

import numpy as np
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from scipy.stats import beta, lognorm, loguniform, randint, uniform
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.svm import SVC

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.plotting._log_scale import find_log_scales, is_number, is_spread_logarithmically
from tests.odd_searches import search_branches
from tests.toys import CountingClassifier


def suggest_c(trial):
    return {"a": trial.suggest_float("a", 1e-3, 1.0, log=True), "b": trial.suggest_int("b", 1, 1000)}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (loguniform(1, 10), True),
        (uniform(1, 1e6), False),
        (FloatDistribution(1, 2, log=True), True),
        (IntDistribution(1, 1000), False),
        (randint(1, 1000), False),
        (lognorm(s=3), True),
        (beta(2, 2), False),
        (np.logspace(-2, 3, 8), True),
        ([0.01, 0.1, 1, 10, 100], True),
        ([1, 2, 4, 8, 16], True),
        ([10, 50, 100, 500], True),
        ([1, 2, 3, 5], False),
        ([50, 100, 150, 200], False),
        ([5, 50, 100, 150, 200], False),
        ([0, 0.1, 1, 10], False),
    ],
    ids=lambda value: None if hasattr(value, "rvs") else repr(value),  # a frozen distribution's repr has its address
)
def test_the_written_space_decides_before_any_value_is_drawn(values, expected):
    search = OptunaSearchCV(CountingClassifier(), {"a": values})

    assert find_log_scales(search) == {"a": expected}


def test_searches_of_scikit_learn_tell_it_too():
    randomized = RandomizedSearchCV(SVC(), [{"C": loguniform(1e-2, 10)}, {"C": loguniform(1, 10), "degree": [2, 3]}])
    grid = GridSearchCV(SVC(), {"C": [0.1, 1, 10, 100], "kernel": ["rbf", "poly"], "shrinking": [True, False]})

    assert find_log_scales(randomized) == {"C": True, "degree": False}
    assert find_log_scales(grid) == {"C": True}


def test_a_parameter_is_on_a_logarithmic_axis_only_if_it_is_so_in_all_branches():
    search = OptunaSearchCV(SVC(), [{"C": loguniform(1e-2, 10)}, {"C": uniform(1, 9)}])

    assert find_log_scales(search) == {"C": False}
    assert find_log_scales(search_branches())["gamma"]


def test_of_a_function_the_study_tells_it():
    search = OptunaSearchCV(CountingClassifier(), suggest_c, n_trials=2, cv=2, random_state=0)
    search.fit(*load_iris(return_X_y=True))

    assert find_log_scales(search) == {"a": True, "b": False}


def test_what_tells_nothing_is_judged_by_its_values():
    rng = np.random.RandomState(0)

    assert find_log_scales(CountingClassifier()) == {}
    assert is_spread_logarithmically(loguniform(1e-3, 1e3).rvs(100, random_state=rng))
    assert not is_spread_logarithmically(uniform(1e-3, 1e3).rvs(100, random_state=rng))


@pytest.mark.parametrize(("value", "expected"), [(1, True), (np.float32(2), True), (True, False), (np.inf, False)])
def test_a_number_is_finite_and_no_truth_value(value, expected):
    assert is_number(value) is expected
