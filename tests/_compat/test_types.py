import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBRegressor
from sklearn_autotune._compat.types import Estimator, FittedSearch, HasShape, Predictor, Splitter

SPACE = {"C": [0.1, 1.0]}


def list_missing(protocol, value):
    """Names that a protocol asks for, and that a value does not have."""
    return [name for name in dir(protocol) if not name.startswith("_") and not hasattr(value, name)]


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        OptunaSearchCV(LogisticRegression(), SPACE),
        TunedXGBRegressor(),
        AutoModelSelector(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_estimators_have_what_their_type_promises(estimator):
    assert not list_missing(Estimator, estimator)
    assert not list_missing(Predictor, estimator)


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(LogisticRegression(), SPACE, cv=2),
        RandomizedSearchCV(LogisticRegression(), SPACE, n_iter=2, cv=2),
        OptunaSearchCV(LogisticRegression(), SPACE, n_trials=2, cv=2),
    ],
    ids=lambda search: type(search).__name__,
)
def test_searches_of_any_package_have_what_their_type_promises(search):
    X = np.arange(20.0).reshape(-1, 1)
    search.fit(X, np.arange(20) % 2)

    assert not list_missing(FittedSearch, search)


def test_an_estimator_that_is_no_search_is_not_taken_for_one():
    assert "cv_results_" in list_missing(FittedSearch, LogisticRegression())


def test_splitters_and_sparse_matrices_have_what_their_types_promise():
    assert not list_missing(Splitter, KFold())
    assert not list_missing(HasShape, csr_array((2, 3)))


def test_naming_types_loads_neither_scikit_learn_nor_optuna():
    code = "import sklearn_autotune._compat.types, sys\nprint({'sklearn', 'optuna', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
