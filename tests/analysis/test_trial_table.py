"""The table of candidates that plots and summaries read."""

import numpy as np
import optuna_integration
import pytest
from optuna.distributions import FloatDistribution
from optuna.exceptions import ExperimentalWarning
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB

from sklearn_autotune import OptunaSearchCV, compare, summarize
from sklearn_autotune.analysis._trial_table import read_trial_table
from tests.odd_searches import (
    X,
    Y,
    fail_some,
    search_iris,
)
from tests.toys import CountingClassifier, FailingClassifier


@pytest.fixture
def iris_search():
    return search_iris()


def test_a_search_is_read_as_its_own_table_says(iris_search):
    trial_table = read_trial_table(iris_search)

    complete = trial_table.find_by_status("complete")
    rows = trial_table.row[complete]
    assert trial_table.score[complete].tolist() == dict(iris_search.cv_results_)["mean_test_score"][rows].tolist()
    assert trial_table.row[trial_table.best] == iris_search.best_index_
    assert trial_table.find_leading(3)[0] == trial_table.best
    assert np.isnan(trial_table.score[trial_table.find_by_status("pruned")]).all()


@pytest.mark.parametrize(
    ("scoring", "refit", "name"),
    [
        (None, True, "accuracy"),
        ("roc_auc_ovr", True, "roc_auc_ovr"),
        ("neg_log_loss", True, "neg_log_loss"),
        ({"loss": "neg_log_loss", "hits": "accuracy"}, "loss", "neg_loss"),
        (["neg_log_loss", "accuracy"], "neg_log_loss", "neg_log_loss"),
        (lambda estimator, X, y: {"a": 1.0, "b": 2.0}, "b", "b"),
    ],
)
@pytest.mark.parametrize("kind", [GridSearchCV, OptunaSearchCV])
def test_the_metric_is_named_for_any_search(kind, scoring, refit, name):
    search = kind(GaussianNB(), {"var_smoothing": [1e-9, 1e-3]}, scoring=scoring, refit=refit, cv=2).fit(X, Y)

    assert read_trial_table(search).described_metric.name == name


def test_failed_candidates_have_their_error_and_no_score():
    trial_table = read_trial_table(fail_some())

    failed = trial_table.find_by_status("failed")
    assert np.isnan(trial_table.score[failed]).all()
    assert "the toy fails on purpose" in trial_table.error[failed[0]]


def test_only_the_last_iteration_of_a_halving_search_is_complete():
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingGridSearchCV

    search = HalvingGridSearchCV(CountingClassifier(), {"a": [1, 2, 3, 4]}, cv=2, min_resources=4, factor=2).fit(X, Y)

    trial_table = read_trial_table(search)
    assert set(trial_table.status[search.cv_results_["iter"] < search.cv_results_["iter"].max()]) == {"pruned"}
    assert trial_table.row[trial_table.best] == search.best_index_


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::FutureWarning")  # its own: of failed fits, of Optuna
def test_optuna_integrations_search_is_read_with_the_candidates_of_its_study():
    with pytest.warns(ExperimentalWarning):
        search = optuna_integration.OptunaSearchCV(
            FailingClassifier(above=4), {"a": FloatDistribution(0, 9)}, n_trials=10, cv=2, random_state=0
        )
    search.fit(X, Y)

    trial_table = read_trial_table(search)
    assert trial_table.params == [trial.params for trial in search.trials_]
    assert set(trial_table.status) == {"complete", "failed"}
    assert [params["a"] > 4 for params in trial_table.params] == (trial_table.status == "failed").tolist()
    assert trial_table.params[int(np.nanargmax(trial_table.score))] == search.best_params_
    assert summarize(search).best_params == search.best_params_


def test_a_table_without_candidates_is_refused_and_costs_no_comparison():
    class Odd(CountingClassifier):
        def fit(self, X, y):
            self.cv_results_ = {"mean_test_score": np.array([0.5])}
            return super().fit(X, y)

    with pytest.raises(ValueError, match="Odd has a cv_results_ without 'params'"):
        read_trial_table(Odd().fit(X, Y))
    comparison = compare({"odd": Odd()}, X, Y, cv=2, random_state=0)
    assert [row["error"] for row in comparison.rows if row["method"] == "odd"] == [None, None]
