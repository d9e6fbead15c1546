"""The fingerprint of a search, which tells whether a stored study belongs to it."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import FunctionTransformer

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.evaluation import Fold, Task
from sklearn_autotune.space._space import read_space
from sklearn_autotune.storage._study import compute_fingerprint


def fingerprint_search(data=(), *, space=None, estimator=None, scoring=None):
    X, y = data or (np.arange(6.0).reshape(3, 2), np.array([0, 1, 0]))
    task = Task(
        X=X,
        y=y,
        folds=(Fold(0, np.array([0, 1]), np.array([2])),),
        scorer=None,
        fit_params={},
        score_params={},
        error_score=np.nan,
        return_train_score=False,
    )
    estimator = LogisticRegression() if estimator is None else estimator
    return compute_fingerprint(task, read_space(space or {"a": [1]}), scoring, estimator, resource=None)


def test_equal_tasks_have_equal_fingerprints():
    X, y = make_classification(n_samples=40, n_features=6, random_state=0)
    frame = pd.DataFrame(X).assign(town=["Rome", "Oslo"] * 20)
    for table in (X, X.tolist(), frame):
        assert fingerprint_search((copy.deepcopy(table), y.copy())) == fingerprint_search((table, y))
        assert fingerprint_search(pickle.loads(pickle.dumps((table, y)))) == fingerprint_search((table, y))


DIFFERENT_SPACES = [
    pytest.param({"a": [(10,), (20,)]}, {"a": [(30,), (40,)]}, id="tuples"),
    pytest.param({"a": [LogisticRegression()]}, {"a": [LogisticRegression(C=9)]}, id="estimators"),
    pytest.param({"a": scipy.stats.norm(0)}, {"a": scipy.stats.norm(5)}, id="quantiles"),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT_SPACES)
def test_spaces_that_differ_inside_their_objects_have_different_fingerprints(one, other):
    assert fingerprint_search(space=one)["space"] != fingerprint_search(space=other)["space"]


def nested(C):
    return BaggingClassifier(LogisticRegression(C=C))


def with_array(middle):
    init = np.zeros((2000, 2))
    init[1000] = middle
    return KMeans(n_clusters=2000, init=init)


def with_many_weights(last):
    return BaggingClassifier(LogisticRegression(class_weight=dict.fromkeys(range(99), 0.123456789) | {99: last}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LogisticRegression(), LogisticRegression(C=2)),
        (nested(1), nested(2)),
        pytest.param(
            with_array(0),
            with_array(7),
        ),
        pytest.param(
            with_many_weights(1),
            with_many_weights(2),
        ),
    ],
    ids=["flat", "nested", "long array", "long repr"],
)
def test_estimators_that_differ_in_a_parameter_have_different_fingerprints(one, other):
    assert fingerprint_search(estimator=one)["estimator"] != fingerprint_search(estimator=other)["estimator"]


def own_score(estimator, X, y):
    return accuracy_score(y, estimator.predict(X))


@pytest.mark.parametrize(
    ("part", "settings"),
    [
        pytest.param("scoring", {"scoring": own_score}),
        pytest.param("scoring", {"scoring": {"mine": own_score}}),
        ("estimator", {"estimator": FunctionTransformer(np.log1p)}),
        pytest.param("estimator", {"estimator": FunctionTransformer(own_score)}),
        pytest.param("estimator", {"estimator": LogisticRegression(random_state=np.random.RandomState(0))}),
    ],
    ids=["scorer", "named scorer", "ufunc", "function", "generator"],
)
def test_fingerprints_hold_no_address_which_would_be_another_in_the_next_process(part, settings):
    assert "0x" not in fingerprint_search(**settings)[part].lower()


def test_a_search_is_resumed_for_equal_data_that_lie_in_memory_in_another_way(tmp_path):
    X, y = make_classification(60, random_state=0)
    X = csr_matrix(X)
    settings = {"n_trials": 2, "cv": 2, "random_state": 0, "storage": str(tmp_path / "study.db"), "resume": True}
    OptunaSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, **settings).fit(X, y)
    assert X.has_canonical_format  # which SciPy notes on the matrix

    search = OptunaSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, **settings).fit(X.tocsc(), y.astype(y.dtype))

    assert len(search.cv_results_["params"]) == 2
