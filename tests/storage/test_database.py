"""Databases are found by a path, a URL or an RDBStorage, and closed by whoever opened them."""

from copy import deepcopy
from pathlib import Path

import pytest
from optuna.storages import InMemoryStorage, RDBStorage
from optuna.study import StudyDirection

from sklearn_autotune.storage import choose_backend
from sklearn_autotune.storage._database import find_database_url
from sklearn_autotune.storage._sqlite_file import SqliteFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.db"


@pytest.mark.parametrize(
    ("storage", "url"),
    [
        (Path("a/study.db"), "sqlite:///a/study.db"),
        ("a/study.db", "sqlite:///a/study.db"),
        ("sqlite:///study.db", "sqlite:///study.db"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        (7, None),
        (None, None),
    ],
)
def test_a_path_means_an_sqlite_file_and_a_url_itself(storage, url):
    assert find_database_url(storage) == url


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_name_is_refused(empty):
    with pytest.raises(ValueError, match=r"names no file\. Give a path, .* or None"):
        find_database_url(empty)


def test_an_open_storage_has_the_url_that_it_was_made_with(path):
    assert find_database_url(RDBStorage(f"sqlite:///{path}")) == f"sqlite:///{path}"
    assert find_database_url(InMemoryStorage()) is None


def test_connections_that_the_user_made_stay_open(path):
    given = RDBStorage(f"sqlite:///{path}")
    closed = []
    given.engine.dispose = lambda: closed.append(True)

    choose_backend(given).open(given).close()

    assert closed == []
    assert given.get_all_studies() == []


def test_connections_that_were_made_here_are_closed(path):
    backend = SqliteFile.open(path)
    backend.storage.get_all_studies()
    pool = backend.storage.engine.pool
    assert pool.checkedin() + pool.checkedout() > 0

    backend.close()

    assert (pool.checkedin(), pool.checkedout()) == (0, 0)


def test_opening_a_database_changes_no_options_of_later_ones(path):
    before = deepcopy(SqliteFile.engine_options)

    SqliteFile.open(path).close()

    assert SqliteFile.engine_options == before


def test_a_database_is_opened_with_optunas_tables_in_it(path):
    backend = SqliteFile.open(path)
    backend.storage.create_new_study([StudyDirection.MAXIMIZE], "mine")
    backend.close()

    again = SqliteFile.open(str(path))

    assert [study.study_name for study in again.storage.get_all_studies()] == ["mine"]
    again.close()


def test_what_is_no_database_is_refused():
    with pytest.raises(TypeError, match="not a InMemoryStorage"):
        SqliteFile.open(InMemoryStorage())
