"""A search runs until its budget is spent; if it is interrupted before, what there is can be had."""

import numpy as np
import pytest
from joblib import parallel_config
from scipy.stats import uniform

from sklearn_autotune import OptunaSearchCV
from tests.toys import CountingClassifier, SleepingClassifier, statuses, table

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


def test_what_a_callback_raises_is_raised_and_there_are_no_results():
    failing = search(callbacks=[raise_at(1, RuntimeError("on purpose"))])

    with pytest.raises(RuntimeError, match="on purpose"):
        failing.fit(X, y)

    assert not hasattr(failing, "cv_results_")


def test_the_same_random_state_measures_the_same_candidates_and_another_one_others():
    one, again, other = (table(search(random_state=seed).fit(X, y)) for seed in (0, 0, 1))

    assert one == again
    assert one["params"] != other["params"]
