"""How models are fitted on the folds."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.naive_bayes import GaussianNB

from sklearn_autotune import AutoModelSelector
from sklearn_autotune._compat.sklearn import get_threadpool_controller
from tests.selection.toy_families import family


def n_threads():
    openmp = [one["num_threads"] for one in get_threadpool_controller().info() if one["user_api"] == "openmp"]
    return max(openmp)


class Threaded(GaussianNB):
    """Notes how many threads OpenMP would give it."""

    seen: ClassVar[list[int]] = []

    def fit(self, X, y, sample_weight=None):
        self.seen.append(n_threads())
        return super().fit(X, y, sample_weight)

    def predict_proba(self, X):
        self.seen.append(n_threads())
        return super().predict_proba(X)


@pytest.mark.parametrize("is_bagged", [True, False])
def test_candidates_are_measured_and_fitted_on_one_thread_each(is_bagged):
    threaded = replace(family("threaded"), make=lambda shape: Threaded(), is_bagged=is_bagged)
    with get_threadpool_controller().limit(limits=2, user_api="openmp"):
        selector = AutoModelSelector(families=[threaded], n_trials=1, cv=3, random_state=0)
        Threaded.seen.clear()
        selector.fit(*load_wine(return_X_y=True))
        assert Threaded.seen == [1] * (6 if is_bagged else 7)
        assert n_threads() == 2

        X = np.zeros((100_001, 13))
        for n_rows, expected in ((5, 1), (100_000, 1), (100_001, 2)):
            Threaded.seen.clear()
            selector.predict_proba(X[:n_rows])
            assert set(Threaded.seen) == {expected}
