"""The executor in this process measures candidates one after another, in the order of submission."""

from dataclasses import dataclass

import numpy as np
import pytest

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation import DEFAULT_NUMBER, OUT_OF_TIME, NoPruningState, WorkItem, measure
from sklearn_autotune.execution import ExecutionRequest, TrialLimits
from sklearn_autotune.execution._in_process import InProcessExecutor
from tests.toys import CountingClassifier, make_evaluation, read_log


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def evaluation(log):
    return make_evaluation(CountingClassifier(log=str(log)), np.ones((8, 2)), np.arange(8) % 2)


def work(number, **changes):
    return WorkItem(number, number, 9, {"a": number}, **changes)


def test_each_wait_measures_the_candidate_that_came_first(evaluation, log):
    executor = InProcessExecutor(evaluation)
    for number in (2, 0, 1):
        executor.submit(work(number))
    assert read_log(log) == []

    arrived = [executor.wait() for _ in range(3)]

    assert [[number for number, _ in outcomes] for outcomes in arrived] == [[2], [0], [1]]
    assert [entry["a"] for entry in read_log(log)] == ["2", "2", "0", "0", "1", "1"]


def test_the_default_comes_before_what_waits(evaluation):
    executor = InProcessExecutor(evaluation)
    for number in (0, 1, DEFAULT_NUMBER):
        executor.submit(WorkItem(number, 0, 9, {"a": 1}))

    assert [number for _ in range(3) for number, _ in executor.wait()] == [DEFAULT_NUMBER, 0, 1]


def test_the_default_waits_for_a_candidate_that_is_begun(evaluation):
    executor = InProcessExecutor(evaluation)
    executor.submit(work(0, pruner_state=None))
    assert executor.wait() == []

    executor.submit(work(1))
    executor.submit(WorkItem(DEFAULT_NUMBER, 0, 9, {"a": 1}))
    executor.decide(0, NoPruningState())

    assert [number for _ in range(3) for number, _ in executor.wait()] == [0, DEFAULT_NUMBER, 1]


def test_the_scores_are_those_of_the_evaluation(evaluation):
    executor = InProcessExecutor(evaluation)
    executor.submit(work(3))

    ((_, outcome),) = executor.wait()

    assert outcome.status == "complete"
    assert [fold.test for fold in outcome.folds] == [fold.test for fold in measure(evaluation, work(3)).folds]


def test_what_is_killed_is_not_measured(evaluation, log):
    executor = InProcessExecutor(evaluation)
    for number in range(3):
        executor.submit(work(number))

    executor.kill([0, 2])

    assert [number for number, _ in executor.wait()] == [1]
    assert {entry["a"] for entry in read_log(log)} == {"1"}
    assert not executor.queue


def test_a_candidate_whose_time_is_up_is_not_begun(evaluation, log):
    executor = InProcessExecutor(evaluation)
    executor.submit(work(0, deadline=clock.now() - 1))

    ((_, outcome),) = executor.wait()

    assert (outcome.status, outcome.error) == ("timeout", OUT_OF_TIME)
    assert read_log(log) == []


def test_closing_forgets_what_waits(evaluation):
    executor = InProcessExecutor(evaluation)
    executor.submit(work(0))

    executor.close()

    assert not executor.queue


@pytest.mark.parametrize(
    ("n_jobs", "limits", "is_accepted"),
    [
        (1, TrialLimits(), True),
        (2, TrialLimits(), False),
        (1, TrialLimits(9.0), False),
        (1, TrialLimits(None, 9), False),
    ],
)
def test_one_job_without_a_limit_needs_no_other_process(evaluation, n_jobs, limits, is_accepted):
    request = ExecutionRequest(evaluation=evaluation, n_jobs=n_jobs, limits=limits)

    assert InProcessExecutor.accepts(request) == is_accepted


# -- candidates whose pruner state comes later -----------------------------------------------------------------------


@dataclass(frozen=True)
class Never:
    """Stops a candidate after its first step."""

    is_picklable: bool = True

    def allows(self, progress):
        return False


def test_without_a_pruner_state_each_wait_takes_one_step(evaluation, log):
    executor = InProcessExecutor(evaluation)
    executor.submit(work(0, pruner_state=None))

    assert executor.wait() == []
    assert len(read_log(log)) == 1
    executor.decide(0, Never())

    ((number, outcome),) = executor.wait()
    assert (number, outcome.status, len(outcome.folds), len(read_log(log))) == (0, "pruned", 1, 1)


def test_a_measured_candidate_waits_for_its_pruner_state(evaluation):
    executor = InProcessExecutor(evaluation)
    executor.submit(work(0, pruner_state=None))

    assert [executor.wait(timeout=0.01) for _ in range(4)] == [[], [], [], []]
    executor.decide(0, NoPruningState())

    ((number, outcome),) = executor.wait()
    assert (number, outcome.status, len(outcome.folds)) == (0, "complete", 2)


def test_a_candidate_that_waits_for_its_pruner_state_lets_others_pass(evaluation, log):
    executor = InProcessExecutor(evaluation)
    for number in (3, 2):  # the state of one may depend on what the other shows
        executor.submit(work(number, pruner_state=None))
    executor.submit(work(1))

    arrived = [executor.wait(timeout=0.01) for _ in range(5)]
    assert [[number for number, _ in each] for each in arrived] == [[], [], [], [], [1]]
    assert executor.wait(timeout=0.01) == []
    executor.decide(2, NoPruningState())
    assert [number for number, _ in executor.wait()] == [2]
    executor.decide(3, NoPruningState())
    assert [number for number, _ in executor.wait()] == [3]
    assert len(read_log(log)) == 6  # every fold once


def test_a_candidate_that_is_killed_half_way_leaves_nothing_behind(evaluation):
    executor = InProcessExecutor(evaluation)
    executor.submit(work(0, pruner_state=None))
    executor.submit(work(1))
    executor.wait()

    executor.kill([0])

    ((number, outcome),) = executor.wait()
    assert (number, outcome.status, len(outcome.folds)) == (1, "complete", 2)


def test_no_step_is_begun_after_the_deadline(evaluation, log):
    executor = InProcessExecutor(evaluation)
    executor.submit(work(0, pruner_state=None, deadline=clock.now() - 1))

    assert [outcome.status for _, outcome in executor.wait()] == ["timeout"]
    assert read_log(log) == []
