"""Candidates that hang or use too much memory are ended in their own process, with one job or several."""

import os
import time
from typing import ClassVar

import joblib
import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.execution import ExecutionRequest, TrialLimits, make_executor
from sklearn_autotune.execution._in_process import InProcessExecutor
from sklearn_autotune.execution._kept_workers import end_kept_workers
from sklearn_autotune.execution._processes import ProcessExecutor
from tests.faults.nightly import at_night
from tests.toys import (
    CountingClassifier,
    DyingClassifier,
    FailingClassifier,
    GreedyClassifier,
    HangingClassifier,
    SleepingClassifier,
    make_evaluation,
    read_log,
    statuses,
    table,
    workers_of,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore:One or more of the .* scores are non-finite:UserWarning",
        "ignore::sklearn.exceptions.FitFailedWarning",
    ),
]

linux = pytest.mark.skipif(not os.path.exists("/proc"), reason="Linux keeps memory limits")
A_GIGABYTE = 2**30


@pytest.fixture
def data():
    X = np.column_stack([np.arange(24.0), np.ones((24, 2))])
    return X, np.arange(24) % 2


def others_as_undisturbed(search, undisturbed, lost):
    """Whether all rows but the lost ones are those of the undisturbed search."""
    rows = [row for row in range(len(search.cv_results_["params"])) if row not in lost]
    return all(
        search.cv_results_[name][rows].tolist() == undisturbed.cv_results_[name][rows].tolist()
        for name in ("split0_test_score", "split1_test_score", "mean_test_score")
    )


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=at_night)])
def test_a_candidate_that_hangs_costs_one_candidate(data, n_jobs):
    """Without a limit this test would not end."""
    end_kept_workers()
    before = set(workers_of(os.getpid()))
    space = {"a": [1, 2, 9, 3]}
    undisturbed = OptunaSearchCV(CountingClassifier(), space, cv=2).fit(*data)

    search = OptunaSearchCV(HangingClassifier(above=3), space, cv=2, n_jobs=n_jobs, trial_timeout=3).fit(*data)

    assert statuses(search) == ["complete", "complete", "failed", "complete"]
    assert "took longer than trial_timeout=3 s" in search.trials_["error"][2]
    assert search.trials_["seconds"][2] >= 3
    assert others_as_undisturbed(search, undisturbed, [2])
    assert search.best_params_ == {"a": 3}
    end_kept_workers()
    assert set(workers_of(os.getpid())) <= before


@at_night
def test_a_limit_is_for_a_candidate_with_all_its_folds_however_they_are_shared_out(data):
    toy = SleepingClassifier(seconds=2.0)  # a = 0.1 sleeps 2 s a fold, a whole number 0.2 s
    search = OptunaSearchCV(toy, {"a": [1, 0.1, 2]}, cv=3, n_jobs=2, look_ahead=1, trial_timeout=3, refit=False)

    search.fit(*data)

    assert statuses(search) == ["complete", "failed", "complete"]


class SlowlyLoadedClassifier(CountingClassifier):
    """Takes longer to arrive in another process than a candidate may take."""

    def __setstate__(self, state):
        super().__setstate__(state)
        if os.getpid() != self.b:
            time.sleep(4)


@at_night
def test_the_start_of_a_worker_is_not_counted(data):
    toy = SlowlyLoadedClassifier(b=os.getpid())
    search = OptunaSearchCV(toy, {"a": [1, 2, 3]}, cv=2, trial_timeout=3).fit(*data)

    assert statuses(search) == ["complete"] * 3


def test_one_job_with_limits_gives_the_same_table(data):
    space = {"a": [1, 2, 3, 4], "b": [0, 1]}
    plain = OptunaSearchCV(CountingClassifier(), space, cv=2).fit(*data)

    limited = OptunaSearchCV(CountingClassifier(), space, cv=2, trial_timeout=60, memory_limit=A_GIGABYTE)

    assert table(limited.fit(*data)) == table(plain)


@pytest.mark.filterwarnings("ignore:The time limit ended the search")
def test_the_whole_searchs_time_limit_ends_a_long_fit_with_one_job_too(data):
    """Without that this test would not end. A worker that takes long to start is given more time."""
    search = OptunaSearchCV(HangingClassifier(above=3), {"a": [3, 9]}, cv=2, trial_timeout=600)

    for timeout in (4, 20, 80):
        search.set_params(timeout=timeout).fit(*data)
        if len(statuses(search)) > 1:  # the one that hangs was begun
            break

    assert statuses(search) == ["complete", "timeout"]


@pytest.mark.parametrize(
    "end", ["sigkill", pytest.param("exit", marks=at_night), pytest.param("segfault", marks=at_night)]
)
def test_a_death_costs_one_candidate_with_one_job_too(data, end):
    search = OptunaSearchCV(
        DyingClassifier(ends={2: end}, keep=os.getpid()), {"a": [1, 2, 3]}, cv=2, trial_timeout=60
    ).fit(*data)

    assert statuses(search) == ["complete", "failed", "complete"]
    assert search.trials_["exit"].tolist() == [
        None,
        {"sigkill": "SIGKILL(-9)", "exit": "EXIT(3)", "segfault": "SIGSEGV(-11)"}[end],
        None,
    ]


@linux
def test_a_candidate_that_takes_too_much_memory_fails_with_a_memory_error(tmp_path, data):
    log = tmp_path / "log"
    toy = GreedyClassifier(log=str(log))
    search = OptunaSearchCV(toy, {"n_bytes": [10, 3 * A_GIGABYTE, 20]}, cv=2, memory_limit=A_GIGABYTE, refit=False).fit(
        *data
    )

    assert statuses(search) == ["complete", "failed", "complete"]
    assert "MemoryError" in search.trials_["error"][1]
    assert len({entry["pid"] for entry in read_log(log)}) == 1  # the worker lives on


@linux
def test_memory_that_runs_out_outside_a_fit_costs_one_candidate_too(data):
    toy = GreedyClassifier(where="clone")
    search = OptunaSearchCV(toy, {"n_bytes": [10, 3 * A_GIGABYTE, 20]}, cv=2, memory_limit=A_GIGABYTE, refit=False).fit(
        *data
    )

    assert statuses(search) == ["complete", "failed", "complete"]


@linux
def test_what_a_worker_holds_already_does_not_count(tmp_path):
    X, y = np.ones((200_000, 50)), np.arange(200_000) % 2  # 80 MB
    search = OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=2, memory_limit=2**28, refit=False).fit(X, y)

    assert statuses(search) == ["complete"] * 2


def test_a_limit_is_no_exception_that_error_score_raises(data):
    search = OptunaSearchCV(
        HangingClassifier(above=3), {"a": [1, 9, 2]}, cv=2, trial_timeout=2, error_score="raise", refit=False
    )
    with (
        pytest.warns(
            FitFailedWarning, match=r"(?s)^2 fits failed out of a total of 6, without an exception .* nan\..*2 s"
        ),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search.fit(*data)

    assert statuses(search) == ["complete", "failed", "complete"]


def test_what_failed_by_a_limit_is_not_tried_again_on_resume(tmp_path, data):
    search = OptunaSearchCV(
        HangingClassifier(above=3), {"a": [1, 9, 2]}, cv=2, trial_timeout=1, storage=tmp_path / "study.db"
    )
    first = search.fit(*data)
    found = table(first), first.trials_["seconds"].tolist()

    again = search.set_params(resume=True, trial_timeout=None).fit(*data)

    assert (table(again), again.trials_["seconds"].tolist()) == found


def test_limits_are_refused_where_a_thread_would_have_to_be_ended(data):
    search = OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=2, n_jobs=2, trial_timeout=1)

    with joblib.parallel_config(backend="threading"), pytest.raises(ValueError, match="a thread cannot be ended"):
        search.fit(*data)


def test_without_limits_one_job_runs_here(data):
    evaluation = make_evaluation(CountingClassifier(), *data)
    plain = make_executor(ExecutionRequest(evaluation=evaluation))
    limited = make_executor(ExecutionRequest(evaluation=evaluation, limits=TrialLimits(seconds=1)))

    limited.close()

    assert type(plain) is InProcessExecutor
    assert type(limited) is ProcessExecutor


def test_an_exit_in_fit_is_a_failure_and_no_death(data):
    search = OptunaSearchCV(FailingClassifier(above=1, mode="SystemExit"), {"a": [1, 2]}, cv=2, trial_timeout=60).fit(
        *data
    )

    assert statuses(search) == ["complete", "failed"]
    assert search.trials_["exit"].tolist() == [None, None]


class Growing(CountingClassifier):
    """Makes its process larger and larger, as caches of native code do."""

    kept: ClassVar[list] = []

    def fit(self, X, y):
        self.kept.append(np.ones(45_000_000))  # 360 MB
        time.sleep(1.1)  # joblib looks at the memory once a second
        return super().fit(X, y)


@at_night
@pytest.mark.filterwarnings("ignore:A worker stopped:UserWarning")
def test_workers_that_joblib_replaces_because_they_have_grown_cost_nothing():
    pytest.importorskip("psutil")
    X, y = np.ones((20, 2)), np.arange(20) % 2

    search = OptunaSearchCV(Growing(), {"a": [1, 2, 3]}, cv=2, n_jobs=2, refit=False).fit(X, y)

    assert statuses(search) == ["complete"] * 3
