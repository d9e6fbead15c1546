"""A search runs until its budget is used; if it is interrupted, the results so far are kept."""

import warnings

import numpy as np
import optuna
import pytest
from joblib import parallel_config
from scipy.stats import uniform
from sklearn.exceptions import FitFailedWarning

from sklearn_autotune import OptunaSearchCV
from tests.toys import CountingClassifier, Ending, MisbehavingClassifier, SleepingClassifier, statuses, table

X, y = np.column_stack([np.arange(8.0), np.ones(8)]), np.arange(8) % 2


def search(estimator=None, **changes):
    settings = {"n_trials": 4, "cv": 2, "random_state": 0, "look_ahead": 1}
    return OptunaSearchCV(estimator or CountingClassifier(), {"a": uniform(0, 9)}, **(settings | changes))


def raise_at(number, error):
    def callback(study, trial):
        if trial.number == number:
            raise error

    return callback


def test_the_trials_stand_in_the_order_of_their_numbers_whatever_order_they_end_in():
    with parallel_config(backend="threading"):
        fitted = search(SleepingClassifier(), n_trials=12, n_jobs=4, look_ahead=4).fit(X, y)

    assert fitted.trials_["number"].tolist() == list(range(12))
    assert [trial.number for trial in fitted.study_.trials] == list(range(12))
    assert fitted.cv_results_["params"] == fitted.trials_["params"]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_interrupt_is_raised_after_the_trials_so_far_are_on_the_search(n_jobs):
    interrupted = search(callbacks=[raise_at(1, KeyboardInterrupt())], n_jobs=n_jobs)

    with parallel_config(backend="threading"), pytest.raises(KeyboardInterrupt):
        interrupted.fit(X, y)

    whole = search().fit(X, y)
    assert statuses(interrupted) == ["complete"] * 2
    assert interrupted.cv_results_["params"] == whole.cv_results_["params"][:2]
    assert not hasattr(interrupted, "best_estimator_")


def test_an_interrupt_before_the_first_trial_leaves_no_results():
    class Interrupted(CountingClassifier):
        def fit(self, X, y):
            raise KeyboardInterrupt

    interrupted = search(Interrupted())
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(X, y)

    assert not hasattr(interrupted, "cv_results_")


@pytest.mark.parametrize("error", [RuntimeError, GeneratorExit, SystemExit, Ending, StopIteration])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_whatever_a_callback_raises_is_raised_after_the_trials_so_far_are_on_the_search(error, n_jobs):
    ended = search(callbacks=[raise_at(1, error("on purpose"))], n_jobs=n_jobs)

    with parallel_config(backend="threading"), pytest.raises(error, match="on purpose"):
        ended.fit(X, y)

    whole = search().fit(X, y)
    assert statuses(ended) == ["complete"] * 2
    assert ended.cv_results_["params"] == whole.cv_results_["params"][:2]
    assert ended.best_score_ == max(ended.cv_results_["mean_test_score"])
    assert not hasattr(ended, "best_estimator_")


@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit, Ending])
@pytest.mark.parametrize("where", ["fit", "predict", "score"])
@pytest.mark.parametrize("resource", [None, "n_samples"])
def test_whatever_ends_a_search_in_a_candidate_leaves_the_results_so_far(error, where, resource):
    toy = MisbehavingClassifier(where=where, what=error)
    storage = optuna.storages.InMemoryStorage()
    ended = OptunaSearchCV(toy, {"a": [1, 3, 5, 2]}, cv=2, look_ahead=1, storage=storage, resource=resource)

    with pytest.raises(error, match="the toy misbehaves"):
        ended.fit(X, y)

    assert statuses(ended) == ["complete", "complete", "cancelled"]
    assert ended.best_params_ == {"a": 3}
    (stored,) = optuna.get_all_study_summaries(storage)
    assert stored.n_trials == 2


@pytest.mark.slow
def test_whatever_ends_a_search_in_a_worker_process_leaves_the_results_so_far():
    toy = MisbehavingClassifier(where="predict", what=Ending)
    ended = OptunaSearchCV(toy, {"a": [1, 3, 5, 2]}, cv=2, look_ahead=1, n_jobs=2)

    with pytest.raises(Ending, match="the toy misbehaves"):
        ended.fit(X, y)

    assert statuses(ended) == ["complete", "complete", "cancelled"]
    assert ended.best_params_ == {"a": 3}


@pytest.mark.parametrize("category", [FitFailedWarning, UserWarning])
def test_a_warning_that_is_an_error_is_raised_after_the_results_are_on_the_search(category):
    toy = MisbehavingClassifier(where="fit" if category is FitFailedWarning else "score")
    ended = OptunaSearchCV(toy, {"a": [1, 3, 5, 2]}, cv=2)

    with warnings.catch_warnings():
        warnings.simplefilter("error", category)
        with pytest.raises(category):
            ended.fit(X, y)

    assert statuses(ended) == ["complete", "complete", "failed", "complete"]
    assert ended.best_params_ == {"a": 3}


def test_an_exception_under_error_score_raise_leaves_the_results_so_far():
    ended = OptunaSearchCV(MisbehavingClassifier(), {"a": [1, 3, 5, 2]}, cv=2, look_ahead=1, error_score="raise")

    with pytest.raises(ValueError, match="the toy misbehaves"):
        ended.fit(X, y)

    assert statuses(ended) == ["complete", "complete", "cancelled"]
    assert ended.best_params_ == {"a": 3}


def test_the_same_random_state_measures_the_same_candidates_and_another_one_others():
    one, again, other = (table(search(random_state=seed).fit(X, y)) for seed in (0, 0, 1))

    assert one == again
    assert one["params"] != other["params"]
