"""The executor in this process measures candidates one after another, in the order of submission."""

import numpy as np
import pytest

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation import OUT_OF_TIME, WorkItem, measure
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
