"""One process at a time may search an SQLite file, and waits while another program writes it."""

import os

import psutil
import pytest
import sqlalchemy
from optuna.storages import InMemoryStorage, RDBStorage
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.exceptions import StudyInUseError, StudyStorageError
from sklearn_autotune.storage._sqlite_file import SQLITE_TIMEOUT_SECONDS, SqliteFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.db"


@pytest.fixture
def open_backend():
    """Open what a user may give as ``storage``, and close it after the test."""
    opened = []

    def open_given(given):
        opened.append(SqliteFile.open(given))
        return opened[-1]

    yield open_given
    for backend in opened:
        backend.close()


def test_a_search_leaves_no_connection_to_its_file_open(path):
    def count_open():
        return sum(os.path.samefile(entry.path, path) for entry in psutil.Process().open_files() if path.exists())

    with sqlalchemy.create_engine(f"sqlite:///{path}").connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 1"))
        n_own = count_open()
    connection.engine.dispose()

    tree = DecisionTreeClassifier(random_state=0)
    search = OptunaSearchCV(tree, {"max_depth": [1, 2]}, cv=3, storage=path).fit(*load_iris(return_X_y=True))

    assert (n_own, count_open(), len(search.study_.trials)) == (1, 0, 2)


def test_a_study_of_a_file_is_locked_however_the_file_is_named(path, open_backend, monkeypatch):
    monkeypatch.chdir(path.parent)
    ways = (path, path.name, f"sqlite:///{path}", RDBStorage(f"sqlite:///{path}"))
    first, *others = [open_backend(given) for given in ways]
    lock = first.lock("mine")

    for other in others:
        with pytest.raises(StudyInUseError, match=f"process {os.getpid()}"):
            other.lock("mine")
    others[0].lock("another").release()
    lock.release()


@pytest.mark.parametrize("name", ["a?b.db", "a%20b #.db", "{a}.db", "file:a.db"])
def test_a_file_of_any_name_is_written_and_locked_under_its_name(tmp_path, open_backend, name):
    lock = open_backend(tmp_path / name).lock("mine")

    assert sorted(file.name for file in tmp_path.iterdir()) == [name, lock.path.name]
    assert lock.path.name.startswith(name)
    lock.release()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_not_locked(open_backend, url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert open_backend(url).lock("mine") is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_another_program_has_locked_is_waited_for(path, open_backend):
    with open_backend(path).storage.engine.connect() as connection:
        waits = connection.execute(sqlalchemy.text("PRAGMA busy_timeout")).scalar()

    assert waits == 1000 * SQLITE_TIMEOUT_SECONDS


def test_files_are_accepted_and_servers_and_storages_in_memory_are_not(path):
    accepted = [path, str(path), f"sqlite:///{path}", RDBStorage(f"sqlite:///{path}")]
    refused = ["postgresql://me@host/db", InMemoryStorage(), None]

    assert [SqliteFile.accepts(storage) for storage in accepted] == [True] * 4
    assert [SqliteFile.accepts(storage) for storage in refused] == [False] * 3


def test_a_file_in_a_folder_that_is_missing_is_refused_at_once(tmp_path):
    for storage in (tmp_path / "gone" / "study.db", f"sqlite:///{tmp_path}/gone/study.db"):
        with pytest.raises(
            StudyStorageError, match=f"there is no folder {tmp_path / 'gone'}. Create it, or give the path of another"
        ):
            SqliteFile.check(storage)
    SqliteFile.check(tmp_path / "study.db")
    SqliteFile.check("sqlite://")
