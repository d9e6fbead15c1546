"""Threads measure candidates as this process does, with scikit-learn's settings, but cannot enforce limits."""

import threading

import joblib
import numpy as np
import pytest
from sklearn import config_context

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.evaluation import WorkItem, measure
from sklearn_autotune.execution import ExecutionRequest, TrialLimits
from sklearn_autotune.execution._threads import ThreadExecutor
from tests.toys import CountingClassifier, Handle, ReportingClassifier, make_evaluation, read_log


@pytest.fixture
def data():
    X = np.column_stack([np.arange(24.0), np.ones((24, 2))])
    return X, np.arange(24) % 2


class WhereClassifier(CountingClassifier):
    """Notes in which thread it is fitted."""

    threads: set[int] = set()  # noqa: RUF012

    def fit(self, X, y):
        self.threads.add(threading.get_ident())
        return super().fit(X, y)


def measure_all(executor, n_candidates):
    for number in range(n_candidates):
        executor.submit(WorkItem(number, number, n_candidates, {"a": number}))
    arrived = {}
    while len(arrived) < n_candidates:
        arrived |= dict(executor.wait())
    executor.close()
    return {number: [fold.test for fold in outcome.folds] for number, outcome in arrived.items()}


@pytest.mark.parametrize("n_parts", [1, 2])
def test_threads_give_the_scores_of_this_process(data, n_parts):
    evaluation = make_evaluation(CountingClassifier(b=Handle()), *data)  # cannot be sent to another process
    expected = {
        number: [fold.test for fold in measure(evaluation, WorkItem(number, number, 5, {"a": number})).folds]
        for number in range(5)
    }

    assert measure_all(ThreadExecutor(evaluation, 2, n_parts), 5) == expected


def test_nothing_is_measured_in_the_thread_that_waits(data):
    WhereClassifier.threads.clear()

    measure_all(ThreadExecutor(make_evaluation(WhereClassifier(), *data), 2), 4)

    assert 1 <= len(WhereClassifier.threads) <= 2
    assert threading.get_ident() not in WhereClassifier.threads


@pytest.mark.parametrize("limits", [TrialLimits(seconds=9), TrialLimits(n_bytes=10**9)], ids=["time", "memory"])
def test_limits_are_refused_and_the_ways_out_are_named(data, limits, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    request = ExecutionRequest(evaluation=make_evaluation(CountingClassifier(), *data), n_jobs=2, limits=limits)

    with pytest.raises(ValueError, match=r"a thread cannot be ended.*backend='loky'.*n_jobs=1"):
        ThreadExecutor.from_request(request)


@pytest.mark.parametrize(
    ("backend", "n_jobs", "n_threads", "seconds", "is_accepted"),
    [
        ("threading", 2, None, None, True),
        ("threading", 1, None, None, False),
        ("threading", 2, None, 9, True),  # and refused when it is made
        ("loky", 2, None, None, False),
        ("loky", 4, 2, None, True),
        ("loky", 4, 2, 9, False),
    ],
)
def test_threads_are_used_where_joblib_or_the_evaluation_asks_for_them(
    data, backend, n_jobs, n_threads, seconds, is_accepted
):
    evaluation = make_evaluation(CountingClassifier(), *data)
    request = ExecutionRequest(
        evaluation=evaluation,
        n_jobs=n_jobs,
        n_threads_per_candidate=n_threads,
        limits=TrialLimits(seconds),
    )

    with joblib.parallel_config(backend=backend):
        assert ThreadExecutor.accepts(request) == is_accepted


def test_settings_reach_threads_too(tmp_path, data):
    log = tmp_path / "log"
    search = OptunaSearchCV(ReportingClassifier(log=str(log)), {"a": [1, 2]}, cv=2, n_jobs=2, refit=False)

    with joblib.parallel_config(backend="threading"), config_context(working_memory=55):
        search.fit(*data)

    assert {entry["config"]["working_memory"] for entry in read_log(log) if "config" in entry} == {55}
