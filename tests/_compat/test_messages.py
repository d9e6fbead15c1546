"""Text for messages: which line of a traceback is shown."""

import traceback

import pytest

from sklearn_autotune._compat.messages import extract_exception_line


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
