"""The final fit: the winner is fitted on all rows, and what it raises reaches the user."""

import numpy as np
import pytest

from sklearn_autotune import OptunaSearchCV
from tests.toys import CountingClassifier, SleepingClassifier, WeightedClassifier, read_log

X, y = np.column_stack([np.arange(8.0), np.ones(8)]), np.arange(8) % 2


class FailingOnAllRows(CountingClassifier):
    """Can be fitted on the rows of folds alone."""

    def fit(self, X, y):
        if len(X) == 8:
            raise ValueError("the toy fails on all rows")
        return super().fit(X, y)


def test_the_winner_is_fitted_once_on_all_rows_with_all_weights(tmp_path):
    weights = np.arange(8) / 8.0
    search = OptunaSearchCV(WeightedClassifier(log=str(tmp_path / "log")), {"a": [1.0, 3.0]}, cv=2)

    search.fit(X, y, sample_weight=weights)

    fits = [entry for entry in read_log(tmp_path / "log") if entry["method"] == "fit"]
    assert len(fits) == 2 * 2 + 1
    assert fits[-1]["rows"] == X[:, 0].tolist()
    assert fits[-1]["weights"] == weights.tolist()
    assert search.best_estimator_.a == search.best_params_["a"] == 3.0


def test_its_seconds_are_those_of_the_fit():
    search = OptunaSearchCV(SleepingClassifier(a=0.0, seconds=1.0), {"b": [0]}, cv=2).fit(X, y)

    assert search.refit_time_ >= 0.1


def test_an_exception_is_raised_and_the_results_are_there():
    search = OptunaSearchCV(FailingOnAllRows(), {"a": [1.0, 3.0]}, cv=2)

    with pytest.raises(ValueError, match="the toy fails on all rows"):
        search.fit(X, y)

    assert search.best_params_ == {"a": 3.0}
    assert not hasattr(search, "best_estimator_")


def test_without_refit_there_is_none():
    search = OptunaSearchCV(FailingOnAllRows(), {"a": [1.0, 3.0]}, cv=2, refit=False).fit(X, y)

    assert not hasattr(search, "refit_time_")
