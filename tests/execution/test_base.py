"""Which executor serves a request, and what a new kind of executor needs."""

import joblib
import numpy as np
import pytest

from sklearn_autotune import OptunaSearchCV, execution
from sklearn_autotune.execution import NO_LIMITS, ExecutionRequest, TrialLimits, make_executor
from sklearn_autotune.execution._in_process import InProcessExecutor
from sklearn_autotune.execution._processes import ProcessExecutor
from sklearn_autotune.execution._threads import ThreadExecutor
from tests.toys import CountingClassifier, make_evaluation, table


@pytest.fixture
def data():
    X = np.column_stack([np.arange(24.0), np.ones((24, 2))])
    return X, np.arange(24) % 2


@pytest.fixture
def request_executor(data):
    """Make an executor, close it, and return it."""
    evaluation = make_evaluation(CountingClassifier(), *data)

    def make(**asked):
        executor = make_executor(ExecutionRequest(evaluation=evaluation, **asked))
        executor.close()
        return executor

    return make


@pytest.mark.parametrize(
    ("n_jobs", "limits", "backend", "expected"),
    [
        (1, NO_LIMITS, "loky", InProcessExecutor),
        (1, TrialLimits(seconds=9), "loky", ProcessExecutor),
        (1, TrialLimits(seconds=9), "threading", ProcessExecutor),
        (2, NO_LIMITS, "loky", ProcessExecutor),
        (2, NO_LIMITS, "multiprocessing", ProcessExecutor),
        (2, NO_LIMITS, "threading", ThreadExecutor),
        (2, NO_LIMITS, "sequential", InProcessExecutor),
    ],
)
def test_an_executor_is_chosen_by_jobs_limits_and_joblibs_backend(request_executor, n_jobs, limits, backend, expected):
    with joblib.parallel_config(backend=backend):
        executor = request_executor(n_jobs=n_jobs, limits=limits)

    assert type(executor) is expected


@pytest.mark.parametrize(
    ("n_jobs", "look_ahead", "expected", "capacity"),
    [(1, 4, InProcessExecutor, 1), (5, 4, InProcessExecutor, 1), (6, 4, ThreadExecutor, 2), (60, 4, ThreadExecutor, 4)],
)
def test_an_evaluation_that_uses_threads_is_given_as_many_slots_as_there_are_processors_for(
    request_executor, n_jobs, look_ahead, expected, capacity
):
    executor = request_executor(n_jobs=n_jobs, look_ahead=look_ahead, n_threads_per_candidate=3)

    assert type(executor) is expected
    assert executor.capacity == capacity


@pytest.mark.parametrize(("n_slots", "look_ahead", "n_parts"), [(2, 2, 2), (2, 4, 1), (4, 1, 8), (1, 2, 1)])
def test_candidates_are_split_where_slots_would_be_idle(data, n_slots, look_ahead, n_parts):
    request = ExecutionRequest(
        evaluation=make_evaluation(CountingClassifier(), *data), n_jobs=n_slots, look_ahead=look_ahead
    )

    assert (request.n_slots, request.n_parts) == (n_slots, n_parts)


def test_a_cluster_is_left_alone_where_the_evaluation_may_not_be_sent_there(request_executor):
    assert type(request_executor(n_jobs=1, executor="tcp://127.0.0.1:9")) is InProcessExecutor


def test_a_limit_that_the_system_cannot_keep_is_refused(request_executor, monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")

    with pytest.raises(ValueError, match="memory_limit works only on Linux, and this is darwin"):
        request_executor(n_jobs=1, limits=TrialLimits(n_bytes=10**9))


class BackwardsExecutor(InProcessExecutor):
    """Measures the candidate that came last first: all that a new executor needs, in one class."""

    @classmethod
    def accepts(cls, request):
        return request.executor == "backwards"

    def wait(self, timeout=None):
        self.queue.reverse()
        return super().wait(timeout)


def test_a_new_executor_is_one_class_and_one_entry_of_the_tuple(data, monkeypatch):
    used = []
    monkeypatch.setattr(BackwardsExecutor, "close", lambda self: used.append(type(self)))
    monkeypatch.setattr(execution, "BACKENDS", (BackwardsExecutor, *execution.BACKENDS))
    search = OptunaSearchCV(CountingClassifier(), {"a": [1, 2, 3, 4]}, cv=2, look_ahead=3)
    expected = table(search.fit(*data))

    search.set_params(executor="backwards").fit(*data)

    assert used == [BackwardsExecutor]
    assert table(search) == expected
