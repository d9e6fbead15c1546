"""Slow cases of scikit-learn 1.9's own searches that this package must not have."""

import pickle

import cloudpickle
import numpy as np
import optuna
import pytest
from scipy.stats import uniform
from sklearn.model_selection import KFold

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune._compat.sklearn import HAS_CALLBACKS, CallbackContexts, open_callback_root
from sklearn_autotune.evaluation import FoldScore, Outcome
from sklearn_autotune.proposals._budget import Budget
from sklearn_autotune.proposals._look_ahead import LookAhead
from sklearn_autotune.search._trial_loop import TrialLoop
from sklearn_autotune.space._space import read_space
from sklearn_autotune.storage._study import create_memory_study
from tests.toys import CountingClassifier, InstantExecutor

N_FOLDS = 3


class SilentCallback:
    """A scikit-learn callback that does nothing, but has to travel."""

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass


@pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn before 1.9 has no callbacks")
def test_scikit_learn_the_work_of_a_late_candidate_is_no_larger_than_that_of_an_early_one():
    """Each task took the contexts of all tasks along: 410 kB a task at 5,000 tasks."""
    n_trials, sizes = 501, {}

    def weigh(work):
        sizes[work.candidate_index] = len(cloudpickle.dumps(work))

    search = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}).set_callbacks(SilentCallback())
    space = read_space(search.param_distributions)
    contexts = CallbackContexts(search, open_callback_root(search, max_subtasks=2), N_FOLDS)
    contexts.begin(n_trials)
    outcome = Outcome("complete", (FoldScore(0.5, None, 0.0, 0.0),) * N_FOLDS)
    study = create_memory_study()
    study.sampler = optuna.samplers.RandomSampler(seed=0)
    loop = TrialLoop(
        study=study,
        space=space,
        executor=InstantExecutor(outcome, weigh),
        budget=Budget(n_trials),
        look_ahead=LookAhead(4),
        contexts=contexts,
    )
    loop.run()

    assert len(sizes) == n_trials
    assert sizes[500] == pytest.approx(sizes[5], rel=0.2)


def test_scikit_learn_a_search_with_a_lock_on_it_can_use_several_jobs():
    """The search itself went into every task, so that all it holds had to be pickled."""
    X, y = np.ones((12, 2)), np.arange(12) % 2
    search = OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=KFold(2), n_jobs=2)
    search.lock = (i for i in range(3))  # generators cannot be pickled
    with pytest.raises((TypeError, pickle.PicklingError)):
        pickle.dumps(search)

    search.fit(X, y)

    assert search.best_params_ == {"a": 2}
