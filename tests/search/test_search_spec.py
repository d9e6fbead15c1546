"""The specification that a search of OptunaSearchCV becomes."""

import numpy as np
import pytest
from scipy.stats import uniform
from sklearn.linear_model import LogisticRegression

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.search import _optuna_search_cv

X = np.random.RandomState(0).normal(size=(40, 2))
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture
def seen(monkeypatch):
    """The specifications of the searches of a test, which run as usual."""
    found = []
    run_search = _optuna_search_cv.run_search

    def keep(spec, *publish):
        found.append(spec)
        return run_search(spec, *publish)

    monkeypatch.setattr(_optuna_search_cv, "run_search", keep)
    return found


def test_it_holds_what_the_constructor_was_given(seen):
    space = {"C": uniform(0.1, 1)}
    OptunaSearchCV(LogisticRegression(), space, n_trials=3, cv=2, scoring="roc_auc", n_jobs=1, patience=2).fit(X, Y)

    (spec,) = seen
    assert len(spec.folds) == 2
    assert (spec.study.metric.name, spec.results.refit, spec.execution.n_jobs) == ("roc_auc", True, 1)
    assert (spec.make_budget().n_trials, spec.make_stopping_rule().patience) == (3, 2)
    assert spec.make_budget().search_deadline is None
    assert spec.study.storage is None


def test_a_timeout_becomes_a_deadline_counted_from_the_start_of_fit(seen):
    OptunaSearchCV(LogisticRegression(), {"C": uniform(0.1, 1)}, n_trials=2, timeout=60).fit(X, Y)

    assert 0 < seen[0].make_budget().seconds_left <= 60
