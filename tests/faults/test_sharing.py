"""Several processes search one study: together they do what one would have done, and measure no candidate twice."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import optuna
import pytest

from tests.faults import sharing
from tests.faults.nightly import at_night
from tests.faults.servers import MySQL, PostgreSQL
from tests.toys import read_log, table

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def expected():
    return table(sharing.make_search(None).fit(*sharing.data()))


@pytest.fixture(scope="module")
def postgres():
    server = PostgreSQL()
    yield server
    server.close()


@pytest.fixture(scope="module")
def mysql():
    server = MySQL()
    yield server
    server.close()


@pytest.fixture
def storage(request, tmp_path):
    """Where the study is kept, in a word for the command line."""
    return str(tmp_path / "study.log") if request.param == "journal" else request.getfixturevalue(request.param).url


def begin(storage, log, n_processes=1, kind="search"):
    """Start a process that searches, as soon as there are so many."""
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-m", "tests.faults.sharing", storage, str(log), str(n_processes), kind]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ, cwd=ROOT)


def stored(storage):
    opened = sharing.open_storage(storage)
    if isinstance(opened, str):
        opened = optuna.storages.RDBStorage(opened)
    trials = optuna.load_study(study_name="shared", storage=opened).trials
    for name in optuna.get_all_study_names(opened):  # the next test begins anew
        optuna.delete_study(study_name=name, storage=opened)
    if isinstance(opened, optuna.storages.RDBStorage):
        opened.remove_session()
        opened.engine.dispose()
    return sorted(trial.user_attrs["sklearn_autotune:outcome"]["number"] for trial in trials)


@pytest.mark.parametrize(
    "storage", [*(pytest.param(name, marks=at_night) for name in ("postgres", "mysql")), "journal"], indirect=True
)
def test_two_processes_share_a_budget_and_measure_no_candidate_twice(storage, tmp_path, expected):
    log = tmp_path / "log"
    processes = [begin(storage, log, 2) for _ in range(2)]
    ends = [process.communicate(timeout=300) for process in processes]

    assert [err for _, err in ends] == ["", ""]
    found = [json.loads(out) for out, _ in ends]
    fits = Counter(entry["a"] for entry in read_log(log))
    assert [report["table"] for report in found] == [expected] * 2
    assert set(fits.values()) == {2}  # each candidate on its two folds
    assert len(fits) == 16
    assert stored(storage) == list(range(16))
    assert len({entry["pid"] for entry in read_log(log)}) == 2


@at_night
@pytest.mark.parametrize(
    "storage", ["journal", *(pytest.param(name, marks=at_night) for name in ("mysql", "postgres"))], indirect=True
)
def test_the_death_of_one_process_costs_the_others_nothing_but_time(storage, tmp_path, expected, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setenv("SKLEARN_AUTOTUNE_TEST_DEAD_SECONDS", "4")
    dying = begin(storage, log)
    while len(read_log(log)) < 5:
        assert dying.poll() is None
        time.sleep(0.02)
    living = begin(storage, log)
    dying.kill()
    dying.communicate()

    out, _ = living.communicate(timeout=300)

    assert json.loads(out)["table"] == expected
    assert stored(storage) == list(range(16))


@pytest.mark.parametrize(
    "storage", ["journal", *(pytest.param(name, marks=at_night) for name in ("mysql", "postgres"))], indirect=True
)
def test_two_processes_share_a_selection(storage, tmp_path):
    log = tmp_path / "log"

    check_sharing("selector", sharing.make_selector(None), storage, log)

    fits = Counter(entry["a"] for entry in read_log(log))
    assert set(fits.values()) == {2}  # each candidate on its two folds; the folds' models are averaged
    assert len({entry["pid"] for entry in read_log(log)}) == 2
    assert len(stored(storage)) == 8  # each process finds duplicates by itself


@pytest.mark.parametrize(
    "storage", [pytest.param(name, marks=at_night) for name in ("journal", "postgres")], indirect=True
)
def test_two_processes_share_a_search_of_boosters(storage, tmp_path):
    alone = sharing.make_boosters(None)

    check_sharing("boosters", alone, storage, tmp_path / "log")

    assert stored(storage) == alone.trials_["number"].tolist()


def check_sharing(kind, alone, storage, log):
    """Run two processes at one study; each has to end like a search that is alone."""
    alone.fit(*sharing.data())
    processes = [begin(storage, log, 2, kind) for _ in range(2)]
    ends = [process.communicate(timeout=300) for process in processes]

    assert [err for _, err in ends] == ["", ""]
    for out, _ in ends:
        found = json.loads(out)
        assert found["table"] == table(alone)
        assert found["predictions"] == alone.predict_proba(sharing.data()[0]).tolist()
