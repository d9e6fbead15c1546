"""A spec becomes a run: everything opened is closed, and an interrupted search hands over what there is."""

from functools import partial

import numpy as np
import pytest
from optuna.samplers import RandomSampler
from scipy.stats import uniform

from sklearn_autotune._compat.sklearn import CallbackContexts
from sklearn_autotune.evaluation import WorkItem, measure
from sklearn_autotune.search._engine import run_search
from sklearn_autotune.search._setup import PruningRequest, start_pruning
from sklearn_autotune.search._spec import ResultsSpec, SearchSpec, StudySpec
from sklearn_autotune.search._trial_loop import Budget
from sklearn_autotune.space._space import read_space
from tests.toys import CountingClassifier, InstantExecutor, make_evaluation

EVALUATION = make_evaluation(CountingClassifier(), np.ones((8, 2)), np.arange(8) % 2)
NO_PRUNING = PruningRequest(
    pruner=None, resource=None, factor=3, n_trials=4, refit=True, is_full_grid=False, is_single_metric=True
)


class Closing(InstantExecutor):
    """Says that it has been closed."""

    is_closed = False

    def close(self):
        self.is_closed = True
        super().close()


@pytest.fixture
def executor():
    outcome = measure(EVALUATION, WorkItem(0, 0, 1, {"a": 2.0}))
    return Closing(outcome, look=lambda work: None)


def make_spec(executor, **changes):
    settings = {
        "folds": EVALUATION.task.folds,
        "space": read_space({"a": uniform(0, 9)}),
        "study": StudySpec(random_state=0, make_sampler=lambda seed: RandomSampler(seed=seed)),
        "results": ResultsSpec(),
        "make_executor": lambda: executor,
        "start_pruning": partial(start_pruning, NO_PRUNING),
        "make_budget": partial(Budget, 4, None, True),
        "contexts": CallbackContexts(None, None, 2),
        "print_start": lambda n_candidates: None,
    }
    return SearchSpec(**(settings | changes))


def unwanted(run):
    raise AssertionError("this search is not interrupted")


def test_a_run_has_the_study_and_the_records_in_the_order_of_their_numbers(executor):
    announced = []

    run = run_search(make_spec(executor, print_start=announced.append), lambda run: run, unwanted)

    assert announced == [4]
    assert [record.number for record in run.records] == [0, 1, 2, 3]
    assert [trial.number for trial in run.study.trials] == [0, 1, 2, 3]
    assert run.phase_timer.total >= run.phase_timer.sampler > 0


def test_what_is_published_is_returned_and_the_executor_is_closed_afterwards(executor):
    def publish(run):
        assert not executor.is_closed
        return len(run.records)

    assert run_search(make_spec(executor), publish, unwanted) == 4
    assert executor.is_closed


def test_an_interrupt_is_raised_after_the_records_so_far_are_published(executor):
    def interrupt(study, trial):
        if trial.number == 1:
            raise KeyboardInterrupt

    published = []
    with pytest.raises(KeyboardInterrupt):
        run_search(make_spec(executor, callbacks=[interrupt], look_ahead=1), unwanted, published.append)

    (run,) = published
    assert [record.number for record in run.records] == [0, 1]
    assert executor.is_closed


def test_what_a_callback_raises_is_raised_and_nothing_is_published(executor):
    def fail(study, trial):
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        run_search(make_spec(executor, callbacks=[fail]), unwanted, unwanted)

    assert executor.is_closed


def test_the_same_random_state_proposes_the_same_candidates(executor):
    one, other = (
        run_search(make_spec(executor), lambda run: [record.params for record in run.records], unwanted)
        for _ in range(2)
    )

    assert one == other
    assert len({candidate["a"] for candidate in one}) == 4
