"""The final fit: the winner is fitted in place on all rows, and what it raises reaches the user."""

import numpy as np
import pytest

from sklearn_autotune.search._final_fit import fit_winner
from tests.toys import FailingClassifier, SleepingClassifier, WeightedClassifier, make_evaluation, read_log

X, y = np.column_stack([np.arange(8.0), np.ones(8)]), np.arange(8) % 2


def fit(estimator, fit_params=None):
    evaluation = make_evaluation(estimator, X, y)
    evaluation.task.fit_params.update(fit_params or {})
    return fit_winner(estimator, evaluation.task, evaluation, (), None, {})


def test_the_winner_is_fitted_on_all_rows_with_all_weights(tmp_path):
    weights = np.arange(8) / 8.0
    winner = WeightedClassifier(log=str(tmp_path / "log"))

    fit(winner, {"sample_weight": weights})

    (entry,) = read_log(tmp_path / "log")
    assert entry["rows"] == X[:, 0].tolist()
    assert entry["weights"] == weights.tolist()
    assert hasattr(winner, "classes_")


def test_its_seconds_are_those_of_the_fit():
    assert fit(SleepingClassifier(a=0.0, seconds=1.0)) >= 0.1


def test_an_exception_is_raised():
    with pytest.raises(ValueError, match="the toy fails on purpose"):
        fit(FailingClassifier(a=9, above=5))
