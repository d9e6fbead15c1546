"""URLs: any path can be written into one and read again, and secrets are removed."""

import copy
import os
import pickle

import optuna
import pytest

from sklearn_autotune._compat.urls import (
    SecretUrl,
    find_sqlite_file,
    has_secret,
    lacks_secret,
    make_sqlite_url,
    redact_text,
    redact_url,
    select_cause,
)

ODD_NAMES = (
    "a b.db",
    "a?b.db",
    "a#b.db",
    "a%20b.db",
    "a%b.db",
    "ü.db",
    "a&b=c.db",
    "a{b}.db",
    "a{SCHEMA_VERSION}.db",
    "a:b@c.db",
    "file:x.db",
    "a?{b}%20#'\".db",
)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_file_of_any_name_is_the_one_that_optuna_writes(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (name, tmp_path / name):
        url = make_sqlite_url(path)
        storage = optuna.storages.RDBStorage(url)
        storage.engine.dispose()

        assert [file.name for file in tmp_path.iterdir()] == [name]
        assert os.path.samefile(find_sqlite_file(url), path)
        (tmp_path / name).unlink()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///study.db", "study.db"),
        ("sqlite:///file:study.db?uri=true", "study.db"),
        ("sqlite:///file:///a/study.db?uri=true", "/a/study.db"),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("sqlite:///file::memory:?cache=shared&uri=true", None),
        ("sqlite:///file:shared?mode=memory&cache=shared&uri=true", None),
    ],
)
def test_the_file_of_a_url_is_found(url, path):
    assert find_sqlite_file(url) == path


@pytest.mark.parametrize(
    ("url", "redacted", "without_user"),
    [
        ("postgresql://me:secret@host:5432/db", "postgresql://me:***@host:5432/db", "postgresql://…@host:5432/db"),
        ("postgresql://me:sec/ret@host/db", "postgresql://me:***@host/db", "postgresql://…@host/db"),
        ("postgresql://me:secret@host:port/db", "postgresql://me:***@host:port/db", "postgresql://…@host:port/db"),
        ("postgresql://me:s'e c@r:e\"t@host/db", "postgresql://me:***@host/db", "postgresql://…@host/db"),
        ("postgresql//me:secret@host/db", "postgresql//me:***@host/db", "postgresql//…@host/db"),
        (
            "postgresql://me@host/db?password=se%20cret&x=1",
            "postgresql://me@host/db?password=***&x=1",
            "postgresql://…@host/db?password=***&x=1",
        ),
        (
            "mysql://host/db?ssl_key_password=a&user=me",
            "mysql://host/db?ssl_key_password=***&user=me",
            "mysql://host/db?ssl_key_password=***&user=me",
        ),
        ("redis://:secret@host:6379/0", "redis://:***@host:6379/0", "redis://…@host:6379/0"),
        (
            "mssql+pyodbc:///?odbc_connect=PWD%3Dsecret",
            "mssql+pyodbc:///?odbc_connect=***",
            "mssql+pyodbc:///?odbc_connect=***",
        ),
        ("https://token@host/api", "https://***@host/api", "https://…@host/api"),
        (
            "postgresql://me@host:5432/db?mail=a@b",
            "postgresql://me@host:5432/db?mail=a@b",
            "postgresql://…@host:5432/db?mail=a@b",
        ),
        ("http://127.0.0.1:9", "http://127.0.0.1:9", "http://127.0.0.1:9"),
        ("sqlite:///some/study.db", "sqlite:///some/study.db", "sqlite:///some/study.db"),
        ("some/study@home.db", "some/study@home.db", "some/study@home.db"),
    ],
)
def test_a_url_keeps_all_but_its_password(url, redacted, without_user):
    assert redact_url(url) == redacted
    assert redact_url(url, hide_user=True) == without_user
    assert has_secret(url) == (redacted != url)
    assert lacks_secret(redacted) == has_secret(url)
    assert not lacks_secret(url)
    assert redact_url(redacted) == redacted


def test_a_text_keeps_all_but_the_secrets_of_its_urls():
    text = (
        "storage: 'mysql+pymysql://me:se/cr:et@host/db?ssl_password=x&a=b'  # was postgresql://a:b@c/d, token=1, a:b@c"
    )
    expected = (
        "storage: 'mysql+pymysql://me:***@host/db?ssl_password=***&a=b'  # was postgresql://a:***@c/d, token=1, a:b@c"
    )

    assert redact_text(text) == expected
    assert redact_text("see http://localhost:5000/a, or mail a@b") == "see http://localhost:5000/a, or mail a@b"


def test_a_secret_url_is_a_text_that_does_not_show_its_secret():
    url = SecretUrl("postgresql://me:secret@host/db")

    assert url == "postgresql://me:secret@host/db"
    assert repr(url) == f"{[url]}"[1:-1] == "'postgresql://me:***@host/db'"
    for copied in (copy.deepcopy(url), pickle.loads(pickle.dumps(url))):
        assert (type(copied), copied) == (SecretUrl, url)


def test_a_cause_that_tells_a_secret_is_not_shown():
    quiet, telling = ValueError("no answer"), OSError("no answer from postgresql://me:secret@host/db")
    quiet_with_telling_cause = ValueError("no answer")
    quiet_with_telling_cause.__cause__ = telling

    assert select_cause(quiet) is quiet
    assert select_cause(telling) is None
    assert select_cause(quiet_with_telling_cause) is None
