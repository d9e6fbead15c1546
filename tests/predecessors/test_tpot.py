"""A bug of TPOT and FLAML, which this package must not have."""

import joblib
import numpy as np
import optuna
import pytest
from scipy.stats import uniform
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline

from sklearn_autotune import OptunaSearchCV
from tests.toys import CountingClassifier, RowRecorder, read_log


@pytest.mark.parametrize("pruner", [None, optuna.pruners.MedianPruner(n_startup_trials=1)], ids=["whole", "pruned"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_tpot_preprocessing_is_fitted_inside_the_folds(tmp_path, n_jobs, pruner):
    """The preprocessing was fitted on all rows before they were split."""
    X, y = np.column_stack([np.arange(30.0), np.ones(30)]), np.arange(30) % 2
    log = tmp_path / "log"
    pipeline = make_pipeline(RowRecorder(log=str(log)), CountingClassifier())
    cv = KFold(3)
    space = {"rowrecorder__power": [1, 2, 3], "countingclassifier__a": uniform(0, 9)}
    every_fit = {"look_ahead": 2, "step_cache": 0}
    search = OptunaSearchCV(pipeline, space, n_trials=9, cv=cv, n_jobs=n_jobs, pruner=pruner, **every_fit)

    with joblib.parallel_config(backend="threading"):
        search.fit(X, y)

    *searched, last = [entry["rows"] for entry in read_log(log)]
    training = [train.tolist() for train, _ in cv.split(X)]
    assert all(rows in training for rows in searched)
    assert last == list(range(30))
    assert len(searched) >= 9 * (1 if pruner else 3)
