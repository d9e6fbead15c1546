"""A database server may be searched by several processes."""

import pytest
from optuna.storages import InMemoryStorage, RDBStorage

from sklearn_autotune.exceptions import StudyStorageError
from sklearn_autotune.storage._server import DatabaseServer
from sklearn_autotune.storage._study import open_study


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


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgres://me:pa55word@host/db", "There is no database 'postgres': did you mean postgresql?"),
        ("foo://host/db", "There is no database 'foo'; known are sqlite, postgresql"),
        ("oracle+oracledb://host/db", "Install the driver of the database."),
    ],
)
def test_a_url_that_no_database_has_is_refused_at_once_with_what_to_write_or_install(url, message):
    with pytest.raises(StudyStorageError) as caught:
        open_study(storage=url, study_name=None, resume=False, fingerprint={})

    assert message in str(caught.value)
    assert "pa55word" not in str(caught.value)
