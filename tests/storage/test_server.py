"""A database server may be searched by several processes."""

from optuna.storages import InMemoryStorage, RDBStorage

from sklearn_autotune.storage._server import DatabaseServer


def test_a_server_is_shared():
    assert DatabaseServer.is_shared


def test_every_database_but_sqlites_is_taken_for_a_server(tmp_path):
    accepted = ["postgresql://me@host/db", "mysql+pymysql://me@host/db", "oracle://me@host/db"]
    refused = [tmp_path / "study.db", "study.db", "sqlite:///study.db", InMemoryStorage(), None]

    assert [DatabaseServer.accepts(storage) for storage in accepted] == [True] * 3
    assert [DatabaseServer.accepts(storage) for storage in refused] == [False] * 5


def test_two_may_search_one_study():
    """SQLite stands for the server here, which locking does not ask."""
    backend = DatabaseServer(RDBStorage("sqlite://"), is_owned=True)

    assert (backend.lock("mine"), backend.lock("mine")) == (None, None)
    backend.close()
