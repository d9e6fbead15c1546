"""Bugs of dask-ml's searches, each of which this package must not have."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import FitFailedWarning
from sklearn.pipeline import Pipeline

from sklearn_autotune import OptunaSearchCV
from tests.faults.nightly import at_night
from tests.toys import CountingClassifier, DyingClassifier, read_log, statuses


@pytest.fixture
def data():
    rng = np.random.RandomState(0)
    return rng.normal(size=(30, 3)), np.arange(30) % 2


@at_night
@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite:UserWarning")
def test_dask_ml_a_candidate_that_kills_its_worker_is_not_tried_for_ever(tmp_path, data):
    """It was started again without end, on one worker after the other."""
    log = tmp_path / "log"
    dying = DyingClassifier(log=str(log), ends={1: "exit", 2: "exit"})
    search = OptunaSearchCV(dying, {"a": [1, 2, 3]}, cv=2, n_jobs=2)

    with pytest.warns(FitFailedWarning, match="4 fits failed out of a total of 6"):
        search.fit(*data)

    assert statuses(search) == ["failed", "failed", "complete"]
    assert {entry["a"] for entry in read_log(log)} == {"3"}


def test_dask_ml_equal_estimators_are_recognised(tmp_path, data):
    """Candidates that differ in nothing but the identity of an estimator were fitted each."""
    log = tmp_path / "log"
    space = [
        {"reduce": [PCA(n_components=1), PCA(n_components=1), PCA(n_components=2)]},
        {"reduce": [PCA(n_components=2), "passthrough"]},
    ]
    pipeline = Pipeline([("reduce", "passthrough"), ("estimator", CountingClassifier(log=str(log)))])

    search = OptunaSearchCV(pipeline, space, cv=2, refit=False).fit(*data)

    assert len(search.cv_results_["params"]) == 3
    assert len(read_log(log)) == 3 * 2


def test_dask_ml_the_winner_is_fitted_on_all_rows(tmp_path, data):
    """The best model of Hyperband was the one trained during the search, on a part of the rows."""
    log = tmp_path / "log"
    search = OptunaSearchCV(CountingClassifier(log=str(log)), {"a": [1, 3, 5]}, cv=3).fit(*data)

    last = read_log(log)[-1]
    assert last["rows"] == 30
    assert last["a"] == repr(search.best_params_["a"]) == repr(search.best_estimator_.a) == "3"
    assert [entry["rows"] for entry in read_log(log)[:-1]] == [20] * 9
