"""Text for messages: which line of a traceback is shown, and what is left of a URL."""

import traceback

import pytest

from sklearn_autotune._compat.messages import extract_exception_line, redact_url


def catch(function):
    try:
        function()
    except Exception:
        return traceback.format_exc()


def raise_twice():
    try:
        int("a")
    except ValueError as error:
        raise KeyError("a key") from error


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (catch(lambda: int("a")), "ValueError: invalid literal for int() with base 10: 'a'"),
        (catch(raise_twice), "KeyError: 'a key'"),
        ("sklearn.exceptions.NotFittedError: no\nmore of the message", "sklearn.exceptions.NotFittedError: no"),
        ("The worker process died: exit code 1\n", "The worker process died: exit code 1"),
    ],
)
def test_the_line_that_names_the_exception_is_found(error, line):
    assert extract_exception_line(error) == line


@pytest.mark.parametrize(
    ("url", "redacted", "without_user"),
    [
        ("postgresql://me:secret@host:5432/db", "postgresql://me:***@host:5432/db", "postgresql://…@host:5432/db"),
        ("postgresql://me:sec/ret@host/db", "postgresql://me:***@host/db", "postgresql://…@host/db"),
        ("postgresql://me:secret@host:port/db", "postgresql://…@host:port/db", "postgresql://…@host:port/db"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9", "http://127.0.0.1:9"),
        ("sqlite:///some/study.db", "sqlite:///some/study.db", "sqlite:///some/study.db"),
        ("some/study@home.db", "some/study@home.db", "some/study@home.db"),
    ],
)
def test_a_url_keeps_all_but_its_password(url, redacted, without_user):
    assert redact_url(url) == redacted
    assert redact_url(url, hide_user=True) == without_user
