"""Searches in separate programs: killed, interrupted, or with estimators that cannot be imported."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.nightly import at_night
from tests.toys import read_log, workers_of
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1].parent

SEARCH = """
import json, sys
import numpy as np
from sklearn_autotune import OptunaSearchCV
from tests.toys import HangingClassifier

X, y = np.arange(80.0).reshape(20, 4), np.arange(20) % 2
toy = HangingClassifier(above=3, log=sys.argv[1])
search = OptunaSearchCV(toy, {"a": [1, 2, 3, 4, 5, 6]}, cv=2, n_jobs=2)
try:
    search.fit(X, y)
except KeyboardInterrupt:
    states = [trial.state.name for trial in search.study_.trials]
    print(json.dumps([search.best_params_, list(search.trials_["status"]), states]), flush=True)
"""

OWN_CLASS = """
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn_autotune import OptunaSearchCV


class Homemade(ClassifierMixin, BaseEstimator):
    def __init__(self, a=0):
        self.a = a

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.helped_ = helper(self.a)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def helper(a):
    return -abs(a - OPTIMUM)


def by_helper(estimator, X, y):
    return estimator.helped_


OPTIMUM = 2
X, y = np.arange(80.0).reshape(20, 4), np.arange(20) % 2
search = OptunaSearchCV(Homemade(), {"a": [1, 2, 3]}, cv=2, n_jobs=2, scoring=by_helper, error_score="raise")
print(search.fit(X, y).best_params_, search.best_score_)
"""


@pytest.fixture
def program(tmp_path):
    """Starts a program in a process group of its own, which is ended with the test, whatever becomes of it."""
    started = []

    def start(text, *args):
        (tmp_path / "temporary").mkdir()
        environ = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "temporary")}
        script = tmp_path / "script.py"
        script.write_text(text)
        process = subprocess.Popen(
            [sys.executable, str(script), *args],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def hanging_pids(log):
    """The workers that have begun a fit which does not end."""
    return {entry["pid"] for entry in read_log(log) if float(entry["a"]) > 3}


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def folders_in(tmp_path):
    return list((tmp_path / "temporary").glob("sklearn_autotune_*"))


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks into Linux's /proc")
def test_workers_and_files_go_when_the_coordinator_is_killed(tmp_path, program):
    log = tmp_path / "log"
    process = program(SEARCH, str(log))
    assert wait_until(lambda: len(hanging_pids(log)) == 2)
    workers = hanging_pids(log)
    assert workers <= set(workers_of(process.pid))
    assert len(folders_in(tmp_path)) == 1

    process.kill()
    process.wait()

    assert wait_until(lambda: not any(is_running(pid) for pid in workers), seconds=20)
    assert wait_until(lambda: folders_in(tmp_path) == [], seconds=20)


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks into Linux's /proc")
@pytest.mark.parametrize(
    ("whom", "what"),
    [
        pytest.param("all", signal.SIGINT, id="Ctrl-C"),
        pytest.param("the coordinator", signal.SIGINT, id="an interrupt", marks=at_night),
        pytest.param("all", signal.SIGTERM, id="the end of a job", marks=at_night),
    ],
)
def test_an_interrupt_leaves_the_results_and_no_worker(tmp_path, program, whom, what):
    log = tmp_path / "log"
    process = program(SEARCH, str(log))
    assert wait_until(lambda: len(hanging_pids(log)) == 2)
    workers = hanging_pids(log)

    if whom == "all":  # as a terminal does it
        os.killpg(process.pid, what)
    else:
        process.send_signal(what)
    out, err = process.communicate(timeout=60)

    best, statuses, states = json.loads(out)
    assert best == {"a": 3}
    assert statuses[:3] == ["complete"] * 3
    assert set(statuses[3:]) == {"cancelled"}
    assert states[:3] == ["COMPLETE"] * 3
    assert "RUNNING" not in states
    assert err == ""
    assert not any(is_running(pid) for pid in workers)
    assert folders_in(tmp_path) == []


@at_night
@pytest.mark.skipif(not Path("/proc").exists(), reason="looks into Linux's /proc")
def test_an_interrupt_does_nothing_to_a_worker(tmp_path, program):
    """What becomes of workers on Ctrl-C is the coordinator's to decide."""
    log = tmp_path / "log"
    process = program(SEARCH, str(log))
    assert wait_until(lambda: len(hanging_pids(log)) == 2)
    workers = hanging_pids(log)

    for pid in workers:
        os.kill(pid, signal.SIGINT)

    assert not wait_until(lambda: process.poll() is not None, seconds=1.5)
    assert all(is_running(pid) for pid in workers)


def test_a_script_searches_its_own_estimator_with_its_own_scorer(program):
    out, err = program(OWN_CLASS).communicate(timeout=120)

    assert err == ""
    assert out == "{'a': 2} 0.0\n"
