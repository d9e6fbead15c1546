"""Worker processes that are kept for the next search: when they are used, what they delete, and when they end."""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from sklearn import config_context
from sklearn.model_selection import cross_val_score

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.execution import _kept_workers
from sklearn_autotune.execution._kept_workers import WorkerProcess, end_kept_workers
from sklearn_autotune.execution._worker import release_process
from tests.faults.nightly import at_night
from tests.toys import CountingClassifier, HangingClassifier, ReportingClassifier, read_log, statuses, table, workers_of
from tests.waiting import wait_until

X, Y = np.column_stack([np.arange(24.0), np.ones((24, 2))]), np.arange(24) % 2


@pytest.fixture(autouse=True)
def nothing_kept():
    """Each test begins and ends without kept workers."""
    end_kept_workers()
    yield
    end_kept_workers()


def search_reporting(log, **settings):
    space = {"a": [1, 2, 3]}
    return OptunaSearchCV(ReportingClassifier(log=str(log)), space, cv=2, **{"n_jobs": 2, **settings}).fit(X, Y)


def get_pids(log):
    return {entry["pid"] for entry in read_log(log) if "nested_pids" in entry}


def test_the_next_search_has_the_same_workers_and_the_same_results(tmp_path):
    first = search_reporting(tmp_path / "first")
    second = search_reporting(tmp_path / "second")
    alone = search_reporting(tmp_path / "alone", n_jobs=1)

    assert get_pids(tmp_path / "second") == get_pids(tmp_path / "first")
    assert table(first)["mean_test_score"] == table(second)["mean_test_score"] == table(alone)["mean_test_score"]


@at_night
def test_the_latest_workers_are_kept_if_there_are_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(_kept_workers, "cpu_count", lambda: 2)
    search_reporting(tmp_path / "two")  # with other environment variables than a single one
    single = {"n_jobs": 1, "trial_timeout": 60, "refit": False}

    search_reporting(tmp_path / "first", **single)
    search_reporting(tmp_path / "second", **single)

    assert len(_kept_workers._kept) == 2
    assert get_pids(tmp_path / "second") == get_pids(tmp_path / "first")


@pytest.mark.slow
def test_nested_cross_validation_starts_its_workers_once(tmp_path):
    search = OptunaSearchCV(
        ReportingClassifier(log=str(tmp_path / "log")), {"a": [1, 2, 3]}, cv=2, n_jobs=2, refit=True
    )

    cross_val_score(search, X, Y, cv=3)

    assert len(get_pids(tmp_path / "log") - {os.getpid()}) <= 2


@pytest.mark.slow
def test_a_worker_is_not_used_again_where_a_new_one_would_see_something_else(tmp_path, monkeypatch):
    changes = [
        lambda: monkeypatch.setenv("SETTING_OF_A_LIBRARY", "1"),
        lambda: monkeypatch.chdir(tmp_path),
        lambda: monkeypatch.syspath_prepend(str(tmp_path)),
    ]
    process = WorkerProcess.take({})
    process.submit(release_process).result()  # imports what a worker needs
    for change in changes:
        before = process.submit(os.getpid).result()
        process.keep()
        change()
        process = WorkerProcess.take({})
        assert process.submit(os.getpid).result() != before
    process.kill()


@at_night
def test_a_worker_that_writes_elsewhere_is_not_used_again(capfd):
    search = OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=2, n_jobs=2, refit=False)
    with capfd.disabled():
        search.fit(X, Y)

    search.set_params(verbose=3).fit(X, Y)

    assert capfd.readouterr().out.count(" END ") == 4


@at_night
def test_a_worker_that_imported_a_file_is_not_used_again_after_the_file_was_edited(tmp_path, monkeypatch):
    module = tmp_path / "written_by_the_user.py"
    module.write_text("VALUE = 1\n")
    os.utime(module, (1, 1))
    monkeypatch.syspath_prepend(str(tmp_path))
    process = WorkerProcess.take({})
    process.submit(release_process).result()  # imports what a worker needs
    value = process.submit(eval, "__import__('written_by_the_user').VALUE").result()
    pid = process.submit(os.getpid).result()

    process.keep()
    process = WorkerProcess.take({})
    assert process.submit(os.getpid).result() == pid

    process.keep()
    module.write_text("VALUE = 2\n")
    process = WorkerProcess.take({})
    assert process.submit(os.getpid).result() != pid
    assert value == 1
    process.kill()


@at_night
def test_a_kept_worker_that_has_died_costs_nothing(tmp_path):
    search_reporting(tmp_path / "first")
    for pid in workers_of(os.getpid()):
        os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not workers_of(os.getpid()))

    search = search_reporting(tmp_path / "second")

    assert statuses(search) == ["complete"] * 3


def test_a_kept_worker_has_let_go_of_the_data():
    OptunaSearchCV(CountingClassifier(), {"a": [1, 2, 3]}, cv=2, n_jobs=2).fit(X, Y)
    process = WorkerProcess.take(_kept_workers._kept[0].env)

    holds_nothing = process.submit(
        eval, "__import__('sklearn_autotune.execution._worker', fromlist='_')._worker is None"
    )

    assert holds_nothing.result()
    process.kill()


@pytest.mark.slow
def test_settings_and_warnings_are_those_of_the_search(tmp_path):
    log = tmp_path / "log"
    search_reporting(tmp_path / "first")
    with config_context(assume_finite=True, working_memory=7):
        search_reporting(log)

    assert {entry["config"]["working_memory"] for entry in read_log(log) if "config" in entry} == {7}
    assert get_pids(log) == get_pids(tmp_path / "first")


@pytest.mark.slow
def test_a_worker_that_was_ended_is_not_kept():
    search = OptunaSearchCV(HangingClassifier(above=1), {"a": [2]}, cv=2, trial_timeout=0.5)

    with pytest.raises(ValueError, match="All the 2 fits failed"):
        search.fit(X, Y)

    assert _kept_workers._kept == []


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_a_worker_with_a_memory_limit_is_not_kept():
    OptunaSearchCV(CountingClassifier(), {"a": [1]}, cv=2, memory_limit=2**30).fit(X, Y)

    assert _kept_workers._kept == []


@at_night
def test_what_workers_import_does_not_count_as_growth():
    process = WorkerProcess({})  # joblib measures the process after its first call
    try:
        process.future.result(timeout=60)
        assert process.submit(eval, "'sklearn' in __import__('sys').modules").result(timeout=60)
    finally:
        process.kill()


def test_kept_workers_end_after_a_while(monkeypatch):
    monkeypatch.setattr(_kept_workers, "KEPT_SECONDS", 0.05)
    before = set(workers_of(os.getpid()))
    OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=2, n_jobs=2).fit(X, Y)

    assert wait_until(lambda: set(workers_of(os.getpid())) <= before)


@pytest.mark.slow
def test_a_fork_and_the_end_of_a_process_leave_kept_workers_in_order(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        import os

        import numpy as np
        from sklearn.dummy import DummyClassifier

        from sklearn_autotune import OptunaSearchCV
        from sklearn_autotune.execution import _kept_workers

        if __name__ == "__main__":
            X, y = np.zeros((20, 2)), np.arange(20) % 2
            OptunaSearchCV(DummyClassifier(), {"constant": [0, 1]}, n_jobs=2).fit(X, y)
            pids = [process.submit(os.getpid).result() for process in _kept_workers._kept]
            child = os.fork()
            if child == 0:
                os._exit(len(_kept_workers._kept))
            _, status = os.waitpid(child, 0)
            print(os.waitstatus_to_exitcode(status), *pids)
        """)
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", script], capture_output=True, text=True, check=True, timeout=60
    )

    n_in_child, *pids = map(int, done.stdout.split())
    assert n_in_child == 0
    assert len(pids) == 2
    assert not any(os.path.exists(f"/proc/{pid}/cmdline") and is_running(pid) for pid in pids)


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
