"""Texts of messages: how tracebacks are shortened, and which line is shown."""

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_autotune._compat.messages import (
    MAX_ERROR_LENGTH,
    extract_exception_line,
    extract_last_line,
    find_nearest_name,
    make_encodable,
    make_name_key,
    make_storable,
    suggest_name,
)


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


def recurse(n):
    return recurse(n - 1) if n else int("a" + 100_000 * "x")


LONG = {
    "a long message": "Traceback (most recent call last):\nValueError: " + 5_000_000 * "x",
    "a message of many lines": "Traceback (most recent call last):\nValueError: no\n" + 1_000_000 * "a line\n",
    "many lines before": 10_000 * "a line\n" + "ValueError: no\n" + 10_000 * "another line\n",
    "surrogates": "ValueError: " + 100_000 * "\ud800",
    "surrogates at the limit": "ValueError: " + (MAX_ERROR_LENGTH - 20) * "\udcff",
    "nothing but a line": 1_000_000 * "x",
}


@pytest.mark.parametrize("error", LONG.values(), ids=LONG)
def test_a_long_error_is_cut_and_still_names_the_exception(error):
    text = make_storable(error)

    assert len(text) <= MAX_ERROR_LENGTH
    assert "characters left out" in text
    assert text.encode("utf-8")
    assert make_storable(text) == text
    assert extract_exception_line(text)[:12] == extract_exception_line(error)[:12]


def test_the_last_line_of_an_error_with_a_long_message_is_the_beginning_of_the_message():
    line = extract_last_line(make_storable(catch(lambda: recurse(3))))

    assert line.startswith("ValueError: invalid literal for int() with base 10: 'axxx")
    assert len(line) < 1_000


@given(st.text(st.characters(), max_size=50))
def test_a_short_error_stays_as_it_is_but_for_surrogates(text):
    assert make_storable(text) == make_encodable(text) == text.encode("utf-8", "backslashreplace").decode()


def test_the_lines_of_no_text_are_empty():
    assert len(make_storable(100_000 * " \n")) <= MAX_ERROR_LENGTH
    assert extract_exception_line(" \n") == extract_last_line("") == ""


@pytest.mark.parametrize(
    ("word", "nearest"),
    [
        ("n_trails", "n_trials"),
        ("N-Trials", "n_trials"),
        ("n trials", "n_trials"),
        ("time", "timeout"),
        ("ti", None),
        ("speed", None),
        ("", None),
    ],
)
def test_the_nearest_name_is_found_whatever_its_spelling_or_by_its_beginning(word, nearest):
    assert find_nearest_name(word, ["n_trials", "timeout", "scoring"]) == nearest


def test_of_names_that_are_spelled_alike_the_first_is_suggested():
    assert suggest_name("random forrest", ["random_forest", "RandomForest"]) == ": did you mean random_forest?"
    assert make_name_key("random_forest") == make_name_key("RandomForest")


def test_without_a_near_name_those_to_be_listed_are_listed():
    assert suggest_name("speed", ["n_trials", "timeout"]) == "; known are n_trials, timeout"
    assert suggest_name("speed", ["n_trials", "timeout"], ["n_trials", "and 1 more"]) == (
        "; known are n_trials, and 1 more"
    )
