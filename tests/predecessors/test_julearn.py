"""A bug that julearn found in the search that it wraps, and that this package must not have."""

import numpy as np
from scipy.stats import uniform
from sklearn.model_selection import KFold

from sklearn_autotune import OptunaSearchCV
from tests.toys import CountingClassifier


def test_julearn_265_a_study_by_name_does_not_carry_test_rows_from_one_outer_fold_to_the_next(tmp_path):
    """Searches of one name shared a study: parameters tried on an outer fold's test rows won in the next fold."""
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(30, 2)), np.arange(30) % 2
    settings = {"n_trials": 4, "cv": 2, "random_state": 0}

    for fold, (train, _) in enumerate(KFold(3).split(X)):
        stored = OptunaSearchCV(
            CountingClassifier(), {"a": uniform(0, 9)}, storage=tmp_path / "s.db", study_name="outer", **settings
        ).fit(X[train], y[train])
        alone = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, **settings).fit(X[train], y[train])

        assert stored.study_.study_name == ("outer" if fold == 0 else f"outer-{fold + 1}")
        assert stored.best_params_ == alone.best_params_
        assert stored.best_score_ == alone.best_score_
        assert len(stored.study_.trials) == 4
