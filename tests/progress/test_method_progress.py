"""MethodProgress: a line or a bar for each fit of a comparison, with the score named."""

import logging
import re

import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning

from sklearn_autotune import compare
from sklearn_autotune.progress import MethodProgress
from tests.toys import CountingClassifier, FailingClassifier, Terminal

X, Y = np.column_stack([np.arange(20.0), np.ones(20)]), np.arange(20) % 2
METHODS = {"broken": FailingClassifier(a=9), "fine": CountingClassifier()}


def compared(progress, scoring=None):
    with pytest.warns(FitFailedWarning, match="broken"):
        return compare(METHODS, X, Y, scoring=scoring, cv=2, baselines=False, random_state=0, callbacks=[progress])


def test_a_comparison_has_a_line_for_each_fit_in_a_log(caplog, capfd):
    with caplog.at_level(logging.INFO, logger="sklearn_autotune.progress"), MethodProgress() as progress:
        comparison = compared(progress)

    score = comparison.column("score", "fine")[1]
    assert caplog.messages[0] == "1 of 4 fits: broken, fold 1: failed"
    assert caplog.messages[3].startswith(f"4 of 4 fits: fine, fold 2: accuracy {score:.5g} in 0.")
    assert len(caplog.messages) == 4
    assert capfd.readouterr() == ("", "")


def test_without_logging_the_lines_go_to_the_standard_error_stream(capfd):
    compared(MethodProgress(), scoring="neg_mean_squared_error")

    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 4
    assert re.search(r"fold 2: mean squared error [\d.]+ \(lower is better\) in 0", err)


def test_a_comparison_has_a_bar_in_a_terminal_from_the_beginning(caplog):
    terminal = Terminal()

    with caplog.at_level(logging.INFO, logger="sklearn_autotune.progress"), MethodProgress(stream=terminal) as one:
        compared(one)

    assert "| 0/4 " in terminal.getvalue()
    assert re.match(r"100%\|.*\| 4/4 .*fine, fold 2: ", terminal.getvalue().split("\r")[-1])
    assert terminal.getvalue().endswith("\n")
    assert caplog.messages == []


def test_a_callback_of_the_users_is_told_the_number_of_rows_alone():
    class Counter:
        def begin(self, n_rows):
            self.n_rows = n_rows

        def __call__(self, row):
            pass

    counter = Counter()
    compared(counter)

    assert counter.n_rows == 4
