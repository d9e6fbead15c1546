"""Bugs of scikit-optimize's BayesSearchCV, each of which this package must not have."""

import numpy as np
import pytest
from scipy.stats import uniform
from sklearn.datasets import make_classification
from sklearn.exceptions import FitFailedWarning
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import OptunaSearchCV
from tests.toys import FailingClassifier


@pytest.fixture
def data():
    return make_classification(n_samples=40, n_features=4, random_state=0)


@pytest.mark.parametrize("mode", ["ValueError", "nan", "inf", "-inf"])
@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_skopt_scores_that_are_not_finite_do_not_reach_the_sampler(data, mode):
    """NaN went into the surrogate model, whose next proposal then failed."""
    search = OptunaSearchCV(
        FailingClassifier(above=3.0, mode=mode), {"a": uniform(0, 6)}, n_trials=30, cv=2, random_state=0
    ).fit(*data)

    told = [trial.value for trial in search.study_.trials]
    assert any(value is None for value in told)
    assert np.isfinite([value for value in told if value is not None]).all()
    assert np.isfinite(search.best_score_)
    assert search.best_params_["a"] <= 3.0


def test_skopt_an_error_score_of_zero_does_not_make_failures_the_best(data):
    """All true scores here are below zero, so that the stand-in for a failed fold would win."""
    search = OptunaSearchCV(
        FailingClassifier(above=3.5), {"a": uniform(0, 6)}, n_trials=20, cv=2, random_state=0, error_score=0.0
    )

    with pytest.warns(FitFailedWarning):
        search.fit(*data)

    assert search.best_params_["a"] <= 3.5


@pytest.mark.parametrize("best", ["loss", "hits"])
def test_skopt_the_score_named_by_refit_guides_the_search(data, best):
    """`mean_test_score` was hard-coded, a column that several scores do not have."""
    search = OptunaSearchCV(
        DecisionTreeClassifier(random_state=0),
        {"max_depth": [1, 2, 3, 6], "min_samples_leaf": [1, 3, 9]},
        scoring={"hits": "accuracy", "loss": "neg_log_loss"},
        refit=best,
        cv=3,
    ).fit(*data)

    column = search.cv_results_[f"mean_test_{best}"]
    assert "mean_test_score" not in search.cv_results_
    assert search.best_score_ == column.max() == column[search.best_index_]
    assert [trial.value for trial in search.study_.trials] == pytest.approx(column.tolist())
