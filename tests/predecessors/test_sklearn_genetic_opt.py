"""Bugs of sklearn-genetic-opt's GASearchCV, each of which this package must not have."""

import copy
import pickle
import random

import numpy as np
import optuna
import pytest
from scipy.stats import uniform
from sklearn.model_selection import ShuffleSplit

from sklearn_autotune import OptunaSearchCV
from tests.toys import CountingClassifier, MutatingClassifier


@pytest.fixture
def data():
    rng = np.random.RandomState(0)
    return rng.normal(size=(30, 3)), np.arange(30) % 2


def global_state():
    return pickle.dumps((np.random.get_state(legacy=False), random.getstate()))


class Counting:
    """An Optuna callback that would show if it was called as a copy."""

    def __init__(self):
        self.n_calls = 0

    def __call__(self, study, trial):
        self.n_calls += 1


@pytest.mark.parametrize(("n_jobs", "random_state"), [(1, None), (1, 0), (2, 0)])
def test_gasearchcv_global_generators_are_left_alone(data, n_jobs, random_state):
    """It seeded NumPy's and Python's."""
    search = OptunaSearchCV(
        CountingClassifier(), {"a": uniform(0, 9)}, n_trials=12, cv=2, n_jobs=n_jobs, random_state=random_state
    )
    before = global_state()

    search.fit(*data)

    assert global_state() == before


def test_gasearchcv_the_estimator_is_neither_fitted_nor_changed(data):
    """The winner's parameters were set on the user's estimator, which was then fitted."""
    inner, options = CountingClassifier(a=1), {"fits": 0}
    estimator = MutatingClassifier(a=7, options=options, inner=inner)
    search = OptunaSearchCV(estimator, {"a": [1, 2, 3], "inner__b": [1, 2]}, cv=2).fit(*data)

    assert search.estimator is estimator
    assert (estimator.a, inner.a, inner.b) == (7, 1, 0)
    assert vars(estimator).keys() == estimator.get_params(deep=False).keys()
    assert not hasattr(inner, "classes_")
    assert search.best_estimator_.a == 3


def test_gasearchcv_objects_in_the_space_are_not_changed(data):
    choices = [CountingClassifier(a=1), CountingClassifier(a=2)]
    options = [{"fits": 0}, {"fits": 10}]
    search = OptunaSearchCV(MutatingClassifier(), {"inner": choices, "options": options}, cv=2).fit(*data)

    assert [choice.a for choice in choices] == [1, 2]
    assert not any(hasattr(choice, "classes_") for choice in choices)
    assert options == [{"fits": 0}, {"fits": 10}]
    assert search.best_params_["options"] in options
    assert not hasattr(search.best_params_["inner"], "classes_")


def test_gasearchcv_no_argument_is_changed(data):
    arguments = {
        "estimator": CountingClassifier(),
        "param_distributions": {"a": uniform(0, 9), "b": [1, 2]},
        "cv": ShuffleSplit(2, random_state=np.random.RandomState(3)),
        "sampler": optuna.samplers.TPESampler(seed=0, n_startup_trials=3),
        "pruner": optuna.pruners.HyperbandPruner(min_resource=1, max_resource=2),
        "random_state": np.random.RandomState(5),
        "enqueue": [{"a": 4.0}],
        "callbacks": [],
    }
    # A splitter that draws from its own generator moves that on, as in scikit-learn.
    left_alone = [name for name in arguments if name != "cv"]
    before = {name: pickle.dumps(arguments[name]) for name in left_alone}

    search = OptunaSearchCV(**arguments, n_trials=12).fit(*data)

    for name in arguments:
        assert getattr(search, name) is arguments[name]
    changed = [name for name in left_alone if pickle.dumps(arguments[name]) != before[name]]
    assert changed == []
    assert len(search.cv_results_["params"]) == 12


def test_gasearchcv_the_data_is_not_changed(data):
    X, y = data
    before = copy.deepcopy(data)

    OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=2).fit(X, y)

    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])


def test_gasearchcv_a_splitter_seeded_by_a_generator_is_used_and_not_copied(data):
    """So `fit` is called twice and gives other folds, as in scikit-learn's searches."""
    cv = ShuffleSplit(2, random_state=np.random.RandomState(3))
    search = OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=cv)

    first = search.fit(*data).cv_results_["split0_test_score"].tolist()
    second = search.fit(*data).cv_results_["split0_test_score"].tolist()

    assert first != second


def test_gasearchcv_the_users_callbacks_are_called_themselves(data):
    callback = Counting()

    OptunaSearchCV(CountingClassifier(), {"a": [1, 2, 3]}, cv=2, callbacks=[callback]).fit(*data)

    assert callback.n_calls == 3
