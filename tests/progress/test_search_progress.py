"""SearchProgress: what ``verbose`` shows, of every estimator and to every stream."""

import io
import logging
import sys

import numpy as np
import pytest
from scipy.stats import uniform
from sklearn.naive_bayes import GaussianNB

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier
from sklearn_autotune.progress import TrialProgress
from tests.toys import CountingClassifier, Terminal

X, Y = np.column_stack([np.arange(20.0), np.ones(20)]), np.arange(20) % 2

SEARCHES = {
    "OptunaSearchCV": OptunaSearchCV(GaussianNB(), {"var_smoothing": uniform(1e-9, 1)}, n_trials=4, cv=2),
    "TunedXGBClassifier": TunedXGBClassifier(n_trials=2, cv=2),
    "AutoModelSelector": AutoModelSelector(families=["naive_bayes", "logistic"], n_trials=3, cv=2),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_verbose_writes_lines_where_there_is_no_terminal_and_logging_is_not_set_up(name, capfd):
    SEARCHES[name].set_params(verbose=1, random_state=0).fit(X, Y)

    lines = capfd.readouterr().err.splitlines()
    assert " candidates (100 %), best " in lines[-1]
    assert len(lines) > 1


@pytest.mark.parametrize("name", SEARCHES)
def test_verbose_0_is_silent(name, capfd):
    SEARCHES[name].set_params(verbose=0, random_state=0).fit(X, Y)

    assert capfd.readouterr() == ("", "")


def test_the_bar_of_a_selector_names_its_stages_and_ends_full(monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    selector = AutoModelSelector(families=["naive_bayes"], timeout=60, n_trials=2, cv=2, random_state=0, verbose=1)
    selector.fit(X, Y)

    drawn = sys.stderr.getvalue().split("\r")
    stages = [text for text in ("searching", "second layer", "final fit") if any(text in one for one in drawn)]
    assert stages == ["searching", "second layer", "final fit"]
    assert drawn[-1].startswith("100%|##########| 2/2 candidates, best log loss ")
    assert drawn[-1].endswith("\n")


def test_a_selector_without_a_limit_of_candidates_shows_the_time_left():
    stream = io.StringIO()
    progress = TrialProgress(bar=False, stream=stream)
    selector = AutoModelSelector(families=["naive_bayes"], timeout=60, patience=3, cv=2, random_state=0)
    selector.set_params(callbacks=[progress]).fit(X, Y)

    lines = stream.getvalue().splitlines()
    assert [line.partition(":")[0] for line in lines if " left" in line] == ["second layer", "final fit"]
    assert " of " not in stream.getvalue()
    assert "(100 %)" in lines[-1]


def test_a_bar_is_closed_if_a_stage_after_the_search_fails(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(AutoModelSelector, "_fit_ensemble", lambda *arguments: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        AutoModelSelector(families=["naive_bayes"], n_trials=2, cv=2, random_state=0, verbose=1).fit(X, Y)

    assert terminal.getvalue().endswith("\n")
    assert "100%" not in terminal.getvalue()


def test_lines_go_through_logging_where_it_is_set_up_and_not_twice(caplog, capfd):
    with caplog.at_level(logging.INFO, logger="sklearn_autotune.progress"):
        OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=4, cv=2, verbose=1).fit(X, Y)

    assert len(caplog.messages) == 4
    assert capfd.readouterr().err == ""


def test_verbose_adds_nothing_to_a_progress_of_the_users(capfd):
    search = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=4, cv=2, verbose=1)
    search.set_params(callbacks=[TrialProgress()]).fit(X, Y)

    assert len(capfd.readouterr().err.splitlines()) == 4
