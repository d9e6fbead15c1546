"""Which kind of storage the user gave, and the methods of each kind."""

from typing import ClassVar

import numpy as np
import optuna
import pytest
from optuna.storages import InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from scipy.stats import uniform

from sklearn_autotune import OptunaSearchCV, storage
from sklearn_autotune.storage import choose_backend
from sklearn_autotune.storage._base import describe_storage, hide_secrets, require_secrets
from sklearn_autotune.storage._given_storage import GivenStorage
from sklearn_autotune.storage._journal import Journal
from sklearn_autotune.storage._server import DatabaseServer
from sklearn_autotune.storage._sqlite_file import SqliteFile
from tests.toys import CountingClassifier, table


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.db"


@pytest.fixture
def open_backend():
    """Open what a user may give as ``storage``, and close it after the test."""
    opened = []

    def open_given(given):
        opened.append(choose_backend(given).open(given))
        return opened[-1]

    yield open_given
    for backend in opened:
        backend.close()


def make_journal(path):
    return JournalStorage(JournalFileBackend(str(path)))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: path, SqliteFile),
        (str, SqliteFile),
        (lambda path: f"sqlite:///{path}", SqliteFile),
        (lambda path: f"sqlite+pysqlite:///{path}", SqliteFile),
        (lambda path: RDBStorage(f"sqlite:///{path}"), SqliteFile),
        (lambda path: "postgresql://me@host/db", DatabaseServer),
        (lambda path: "mysql+pymysql://me@host/db", DatabaseServer),
        (make_journal, Journal),
        (lambda path: InMemoryStorage(), GivenStorage),
    ],
)
def test_a_storage_is_known_by_its_type_or_its_url(path, make, expected):
    assert choose_backend(make(path)) is expected


@pytest.mark.parametrize(
    ("make", "is_shared"),
    [(lambda path: path, False), (make_journal, True), (lambda path: InMemoryStorage(), False)],
    ids=["file", "journal", "memory"],
)
def test_a_journal_is_shared_and_a_file_is_not(path, open_backend, make, is_shared):
    backend = open_backend(make(path))

    assert backend.is_shared == is_shared
    assert optuna.get_all_study_names(storage=backend.storage) == []


@pytest.mark.parametrize(
    "make",
    [lambda path: "sqlite:///:memory:", make_journal, lambda path: InMemoryStorage()],
    ids=["database in memory", "journal", "memory"],
)
def test_what_is_no_file_of_one_process_is_not_locked(path, open_backend, make):
    assert open_backend(make(path)).lock("mine") is None


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda path: path, "sqlite:///{path}"),
        (lambda path: RDBStorage(f"sqlite:///{path}"), "sqlite:///{path}"),
        (make_journal, "JournalFileBackend"),
        (lambda path: InMemoryStorage(), "InMemoryStorage"),
        (lambda path: optuna.storages.get_storage(f"sqlite:///{path}"), "sqlite:///{path}"),
    ],
)
def test_an_open_storage_is_named(path, open_backend, make, name):
    assert open_backend(make(path)).describe() == name.format(path=path)


def test_what_the_user_gave_is_named_without_its_password(path):
    assert describe_storage(path) == describe_storage(str(path)) == str(path)
    assert describe_storage("mysql+pymysql://me:secret@host/db") == "mysql+pymysql://me:***@host/db"
    assert describe_storage(InMemoryStorage()) == "InMemoryStorage"


def test_a_pickle_gets_a_storage_without_its_secrets(path):
    url = "postgresql://me:secret@host/db?sslpassword=secret"
    sqlite = f"sqlite:///{path}"
    journal = make_journal(path)

    assert hide_secrets(url) == "postgresql://me:***@host/db?sslpassword=***"
    assert hide_secrets(RDBStorage(sqlite, engine_kwargs={"connect_args": {"timeout": 3}})) == sqlite
    assert hide_secrets(optuna.storages.get_storage(sqlite)) == sqlite
    for kept in (None, path, str(path), sqlite, "postgresql://me@host/db", journal):
        assert hide_secrets(kept) is kept


def test_a_url_that_lost_its_secret_is_refused():
    with pytest.raises(ValueError, match=r"'postgresql://me:\*\*\*@host/db' came without its password.* set_params"):
        require_secrets(hide_secrets("postgresql://me:secret@host/db"))
    for whole in ("postgresql://me:secret@host/db", "postgresql://me@host/db", "a***@b.db", None, InMemoryStorage()):
        require_secrets(whole)


class NamedMemory(GivenStorage):
    """Studies in memory under a name: all that a new storage needs, in one class."""

    __slots__ = ()

    opened: ClassVar = {}

    @classmethod
    def accepts(cls, storage):
        return isinstance(storage, str) and storage.startswith("memory:")

    @classmethod
    def open(cls, storage):
        return cls(cls.opened.setdefault(storage, InMemoryStorage()))


def test_a_new_storage_is_one_class_and_one_entry_of_the_tuple(monkeypatch):
    monkeypatch.setattr(storage, "BACKENDS", (NamedMemory, *storage.BACKENDS))
    X, y = np.column_stack([np.arange(24.0), np.ones((24, 2))]), np.arange(24) % 2
    search = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=6, cv=2, random_state=0)
    expected = table(search.fit(X, y))

    search.set_params(storage="memory:here", n_trials=3).fit(X, y)
    search.set_params(resume=True, n_trials=6).fit(X, y)

    assert table(search) == expected
    assert len(optuna.load_study(study_name=None, storage=NamedMemory.opened["memory:here"]).trials) == 6
