"""Storages that are locked, full, incomplete, corrupt or in use: the message, the results kept, and the file."""

import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import optuna
import pytest
import sqlalchemy
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from scipy.stats import uniform

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.exceptions import StudyInUseError, StudyStorageError
from sklearn_autotune.storage import _recorder
from sklearn_autotune.storage._base import describe_storage
from tests.faults.nightly import at_night
from tests.toys import CountingClassifier, table

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data():
    X = np.column_stack([np.arange(24.0), np.ones((24, 2))])
    return X, np.arange(24) % 2


def make_search(storage, **changes):
    settings = {"n_trials": 6, "cv": 2, "random_state": 0, "storage": storage}
    return OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, **(settings | changes))


def stored(path):
    return optuna.load_study(study_name="sklearn_autotune", storage=f"sqlite:///{path}").trials


# -- one process at a time -------------------------------------------------------------------------------------------

HOLD = """
import sys, time
from sklearn_autotune.storage._lock import StudyLock
lock = StudyLock(sys.argv[1], sys.argv[2])
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds a study until it is killed."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "study.db"), "sklearn_autotune"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_study_that_another_process_holds_is_refused_with_its_number(tmp_path, data, holder):
    path = tmp_path / "study.db"
    make_search(path, study_name="a").fit(*data)
    optuna.copy_study(
        from_study_name="a",
        from_storage=f"sqlite:///{path}",
        to_storage=f"sqlite:///{path}",
        to_study_name="sklearn_autotune",
    )

    with pytest.raises(StudyInUseError, match=rf"'sklearn_autotune' in '.*study.db'.* process {holder.pid}\. "):
        make_search(path, resume=True).fit(*data)
    make_search(path, study_name="a", resume=True, n_trials=7).fit(*data)  # others are free


def test_the_lock_dies_with_the_process_that_holds_it(tmp_path, data, holder):
    path = tmp_path / "study.db"
    holder.kill()
    holder.wait()

    make_search(path).fit(*data)

    assert len(stored(path)) == 6


def test_a_new_study_takes_the_next_name_where_another_process_is_about_to_create_one(tmp_path, data, holder):
    search = make_search(tmp_path / "study.db").fit(*data)

    assert search.study_.study_name == "sklearn_autotune-2"


def test_two_searches_of_one_process_cannot_hold_one_study(tmp_path, data):
    path = tmp_path / "study.db"
    make_search(path).fit(*data)

    def resume_inside(study, trial):
        with pytest.raises(StudyInUseError, match=f"process {os.getpid()}"):
            make_search(path, resume=True, n_trials=8).fit(*data)
        refused.append(trial.number)

    refused = []
    make_search(path, resume=True, n_trials=7, callbacks=[resume_inside]).fit(*data)

    assert refused == [6]


@pytest.mark.parametrize("ends", ["well", "with an error"])
def test_no_lock_is_left_behind(tmp_path, data, ends):
    def callback(study, trial):
        if ends != "well":
            raise LookupError

    try:
        make_search(tmp_path / "study.db", callbacks=[callback]).fit(*data)
    except LookupError:
        assert ends == "with an error"

    assert [path.name for path in tmp_path.iterdir()] == ["study.db"]


# -- a database that does not answer ---------------------------------------------------------------------------------


def hold_exclusively(path, seconds):
    """Lock an SQLite file as a long write of another program would; return when it is locked."""
    locked = threading.Event()

    def hold():
        connection = sqlite3.connect(path)
        connection.execute("BEGIN EXCLUSIVE")
        locked.set()
        time.sleep(seconds)
        connection.rollback()
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    locked.wait()
    return thread


def test_a_database_that_is_locked_for_a_while_is_waited_for(tmp_path, data):
    path = tmp_path / "study.db"

    def lock_it(study, trial):
        if trial.number == 1:
            threads.append(hold_exclusively(path, 1.0))

    threads = []
    search = make_search(path, callbacks=[lock_it]).fit(*data)
    threads[0].join()

    assert len(stored(path)) == 6
    assert table(search) == table(make_search(None).fit(*data))


def test_a_database_that_cannot_be_written_any_more_costs_no_result(tmp_path, data, monkeypatch):
    """And can be resumed once it is back."""
    monkeypatch.setattr(_recorder, "RETRY_SECONDS", 0.5)
    path = tmp_path / "study.db"

    def break_it(study, trial):
        if trial.number == 3:
            sqlite3.connect(path).execute("ALTER TABLE trials RENAME TO hidden")

    search = make_search(path, callbacks=[break_it])
    with pytest.raises(StudyStorageError, match=r"could not be written to 'sqlite:///.*study.db'.*no such table: tri"):
        search.fit(*data)

    assert search.best_params_
    assert [row.round(6) for row in search.cv_results_["mean_test_score"]][:4] == [
        row.round(6) for row in make_search(None).fit(*data).cv_results_["mean_test_score"]
    ][:4]
    sqlite3.connect(path).execute("ALTER TABLE hidden RENAME TO trials")
    assert len(stored(path)) == 3
    assert table(make_search(path, resume=True).fit(*data)) == table(make_search(None).fit(*data))


@at_night
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk takes root")
def test_a_full_disk_costs_no_result_and_leaves_the_file_intact(tmp_path, data):
    disk = tmp_path / "disk"
    disk.mkdir()
    script = tmp_path / "script.py"
    script.write_text(FULL_DISK)
    mount = f"mount -t tmpfs -o size=420k none {disk} && exec {sys.executable} {script} {disk}"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", mount],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no small disk can be mounted here: {done.stderr}")

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["full", "kept", "intact", "resumed"]


FULL_DISK = """
import sys
import numpy as np, optuna
from pathlib import Path
from scipy.stats import uniform
from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.storage import _recorder
from sklearn_autotune.exceptions import StudyStorageError
from tests.faults.nightly import at_night
from tests.toys import CountingClassifier, table

_recorder.RETRY_SECONDS = 0.5
path = Path(sys.argv[1]) / "study.db"
X, y = np.ones((12, 2)), np.arange(12) % 2


def make(storage, n_trials):
    return OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=n_trials, cv=2, random_state=0,
                          sampler=optuna.samplers.RandomSampler(seed=0), storage=storage, resume=storage is not None)


ballast = path.with_name("ballast")
ballast.write_bytes(bytes(190_000))
search = make(path, 100_000)
try:
    search.fit(X, y)
except StudyStorageError as error:
    assert "full" in str(error), error
    print("full")
n_told = len(search.cv_results_["params"])
assert search.best_params_ and n_told > 10
print("kept")
n_stored = len(optuna.load_study(study_name="sklearn_autotune", storage=f"sqlite:///{path}").trials)
assert 0 < n_stored <= n_told
print("intact")
ballast.unlink()
assert table(make(path, n_told + 5).fit(X, y)) == table(make(None, n_told + 5).fit(X, y))
print("resumed")
"""


# -- a signal amid a statement ---------------------------------------------------------------------------------------


def signalled(path, number, is_due, times=1):
    """A storage that is sent a signal when a statement is due, after it has been carried out and before it is read."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 1}})
    left = [number] * times

    def send(connection, cursor, statement, *_):
        if left and is_due(connection, statement):
            while left:
                signal.raise_signal(left.pop())

    sqlalchemy.event.listen(storage.engine, "after_cursor_execute", send)
    return storage


def is_amid_a_trial(n_trials):
    """Whether a statement counts trials, its answer yet to be read, in a transaction that has begun to write one."""

    def is_due(connection, statement):
        if not statement.startswith("SELECT count("):
            return False
        states = [state for (state,) in connection.connection.execute("SELECT state FROM trials ORDER BY trial_id")]
        return len(states) == n_trials and connection.connection.dbapi_connection.in_transaction

    return is_due


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_amid_a_trial_waits_until_it_is_written(tmp_path, data, monkeypatch, number):
    monkeypatch.setattr(_recorder, "RETRY_SECONDS", 1.0)
    path = tmp_path / "study.db"
    search = make_search(signalled(path, number, is_amid_a_trial(3)))

    with pytest.raises(KeyboardInterrupt):
        search.fit(*data)

    assert [trial.state.name for trial in stored(path)] == ["COMPLETE"] * 3
    assert list(search.trials_["status"]).count("complete") == 3
    resumed = make_search(path, resume=True).fit(*data)
    assert table(resumed) == table(make_search(None).fit(*data))


def test_a_second_signal_ends_a_search_whatever_is_being_written(tmp_path, data):
    path = tmp_path / "study.db"
    search = make_search(signalled(path, signal.SIGINT, is_amid_a_trial(3), times=2))

    with pytest.raises(KeyboardInterrupt):
        search.fit(*data)

    assert list(search.trials_["status"]).count("complete") == 3
    assert len(stored(path)) == 2


def test_signals_are_handled_as_before_once_a_trial_is_written(tmp_path, data):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    make_search(tmp_path / "study.db").fit(*data)

    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


# -- files that are no studies ---------------------------------------------------------------------------------------


@pytest.mark.few_by_day(3)
@pytest.mark.parametrize("wrong", ["garbage", "cut in half", "an empty folder"])
@pytest.mark.parametrize("resume", [False, True])
def test_a_file_that_cannot_be_read_is_named_and_left_alone(tmp_path, data, wrong, resume):
    path = tmp_path / "study.db"
    make_search(path).fit(*data)
    whole = path.read_bytes()
    if wrong == "an empty folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(b"garbage" * 1000 if wrong == "garbage" else whole[: len(whole) // 2])
    before = None if path.is_dir() else path.read_bytes()

    with pytest.raises(StudyStorageError, match=r"'.*study.db' cannot be read"):
        make_search(path, resume=resume).fit(*data)

    assert path.is_dir() or path.read_bytes() == before


def test_a_storage_is_named_without_its_password():
    assert describe_storage("postgresql://me:secret@host/db") == "postgresql://me:***@host/db"


# -- journals --------------------------------------------------------------------------------------------------------


def journal(path):
    return JournalStorage(JournalFileBackend(str(path)))


@pytest.mark.parametrize("n_bytes", [1, 2, 5, 20, 80])
def test_a_torn_journal_is_refused_with_what_to_do_and_that_helps(tmp_path, data, n_bytes):
    path = tmp_path / "study.log"
    make_search(journal(path)).fit(*data)
    torn = path.read_bytes()[:-n_bytes]
    path.write_bytes(torn)

    with pytest.raises(StudyStorageError, match="ends in the middle of a line") as caught:
        make_search(journal(path), resume=True).fit(*data)

    assert path.read_bytes() == torn
    advice = str(caught.value).rpartition("\n")[2]
    exec(advice)
    resumed = make_search(journal(path), resume=True).fit(*data)
    assert table(resumed) == table(make_search(None).fit(*data))


def test_a_whole_journal_is_resumed(tmp_path, data):
    path = tmp_path / "study.log"
    make_search(journal(path), n_trials=3).fit(*data)

    assert table(make_search(journal(path), resume=True).fit(*data)) == table(make_search(None).fit(*data))


# -- what is taken along ---------------------------------------------------------------------------------------------


def test_a_password_in_a_url_is_not_pickled(tmp_path, data):
    url = f"sqlite:///{tmp_path / 'study.db'}?uri=true&secret=password1234"
    search = make_search(url).fit(*data)

    assert b"password1234" not in pickle.dumps(search)
