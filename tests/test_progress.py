"""TrialProgress: right in a terminal, in a log file and in a copy, and never in the way of the search."""

import copy
import io
import logging
import pickle
import re
import sys
import threading

import numpy as np
import pytest
from optuna.pruners import MedianPruner
from scipy.stats import uniform
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from tqdm import TMonitor

from sklearn_autotune import OptunaSearchCV, TunedXGBClassifier, compare
from sklearn_autotune.progress import MethodProgress, TrialProgress
from tests.toys import CountingClassifier, FailingClassifier

X, Y = np.column_stack([np.arange(20.0), np.ones(20)]), np.arange(20) % 2


class Terminal(io.StringIO):
    def isatty(self):
        return True


def search(progress, n_trials=12, estimator=None, **settings):
    return OptunaSearchCV(
        estimator or CountingClassifier(),
        {"a": uniform(0, 9)},
        n_trials=n_trials,
        cv=2,
        random_state=0,
        callbacks=[progress],
        **settings,
    )


def test_lines_go_through_logging_one_after_so_many_trials(caplog, capfd):
    progress = TrialProgress(n_trials=12, every=5)

    with caplog.at_level(logging.INFO, logger="sklearn_autotune.progress"):
        fitted = search(progress).fit(X, Y)

    lines = caplog.messages
    assert [line.partition(" trials")[0] for line in lines] == ["5 of 12", "10 of 12", "12 of 12"]
    assert f"best {fitted.best_score_:.5g} (trial {fitted.best_index_})" in lines[-1]
    assert "(100 %)" in lines[-1]
    assert "about 0.0 s left" in lines[-1]
    assert capfd.readouterr() == ("", "")  # the stream is no terminal, so there is no bar


def test_nothing_is_shown_unless_logging_is_set_up(capfd):
    search(TrialProgress(n_trials=12)).fit(X, Y)

    assert capfd.readouterr() == ("", "")


def test_stopped_and_failed_trials_are_counted_apart(caplog):
    progress = TrialProgress(every=30)
    estimator = FailingClassifier(above=5)
    settings = {"pruner": MedianPruner(n_startup_trials=3), "n_trials": 30, "estimator": estimator}

    with caplog.at_level(logging.INFO), pytest.warns(Warning, match="fits failed|non-finite"):
        fitted = search(progress, **settings).fit(X, Y)

    statuses = list(fitted.trials_["status"])
    expected = {status: statuses.count(status) for status in ("complete", "pruned", "failed")}
    assert progress.counts == expected
    assert all(f"{n} {status}" in caplog.messages[-1] for status, n in expected.items())
    assert min(expected.values()) > 0


def test_in_a_terminal_there_is_a_bar(caplog):
    terminal, before = Terminal(), threading.enumerate()

    with caplog.at_level(logging.INFO, logger="sklearn_autotune.progress"):
        fitted = search(TrialProgress(n_trials=12, stream=terminal)).fit(X, Y)

    last = terminal.getvalue().split("\r")[-1]
    assert re.match(r"100%\|.*\| 12/12 ", last)
    assert f"best {fitted.best_score_:.5g}" in last
    assert last.endswith("\n")  # closed, so that the next line of the terminal is free
    assert not [thread for thread in threading.enumerate() if isinstance(thread, TMonitor) and thread not in before]
    assert caplog.messages == []


def test_a_bar_without_a_known_end_is_closed_by_with():
    terminal = Terminal()

    with TrialProgress(stream=terminal) as progress:
        search(progress, patience=2, n_trials=50).fit(X, Y)
        assert not terminal.getvalue().endswith("\n")

    assert terminal.getvalue().endswith("\n")


def test_the_next_search_begins_afresh(caplog):
    progress = TrialProgress(every=6)

    with caplog.at_level(logging.INFO, logger="sklearn_autotune.progress"):
        search(progress, n_trials=6).fit(X, Y)
        search(progress, n_trials=6).fit(X, Y)

    assert [line.partition(",")[0] for line in caplog.messages] == ["6 trials", "6 trials"]


def test_a_resumed_search_goes_on_counting(tmp_path):
    search(TrialProgress(), n_trials=4, storage=tmp_path / "study.db").fit(X, Y)
    progress = TrialProgress(n_trials=10)

    fitted = search(progress, n_trials=10, storage=tmp_path / "study.db", resume=True).fit(X, Y)

    assert progress.n_done == 10
    assert progress.best == fitted.best_score_


def test_searches_with_progress_are_cloned_and_pickled_while_a_bar_is_open():
    progress = TrialProgress(stream=None, bar=True, n_trials=100)
    progress.stream = Terminal()
    fitted = search(progress, n_trials=3).fit(X, Y)

    copied = clone(fitted).callbacks[0]

    assert copied.n_done == 0
    assert progress.n_done == 3
    assert copy.copy(progress).n_done == 0
    progress.close()
    progress.stream = None
    assert pickle.loads(pickle.dumps(progress)).n_trials == 100


def test_progress_changes_nothing_in_the_result():
    plain = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=12, cv=2, random_state=0).fit(X, Y)

    watched = search(TrialProgress(bar=True, stream=io.StringIO())).fit(X, Y)

    assert watched.cv_results_["params"] == plain.cv_results_["params"]


def test_time_left_is_the_lesser_of_both_budgets():
    progress = TrialProgress(n_trials=1000, timeout=60)
    search(progress, n_trials=3).fit(X, Y)

    assert progress.seconds_left <= 60 - progress.seconds + 1


def test_boosters_are_watched_too(caplog):
    with caplog.at_level(logging.INFO, logger="sklearn_autotune.progress"):
        TunedXGBClassifier(n_trials=2, cv=2, random_state=0, callbacks=[TrialProgress(2)]).fit(X, Y)

    assert caplog.messages[-1].startswith("2 of 2 trials (100 %), best -")


@pytest.mark.parametrize("verbose", [1, 2])
def test_verbose_shows_progress_without_a_callback(verbose, caplog, capsys):
    with caplog.at_level(logging.INFO, logger="sklearn_autotune.progress"):
        OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=10, cv=2, verbose=verbose).fit(X, Y)

    assert caplog.messages[-1].startswith("10 of 10 trials (100 %), best ")
    assert "Fitting 2 folds" in capsys.readouterr().out


def test_verbose_draws_a_bar_in_a_terminal_and_closes_it(monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=50, patience=2, cv=2, verbose=1).fit(X, Y)

    assert "best" in sys.stderr.getvalue()
    assert sys.stderr.getvalue().endswith("\n")


@pytest.mark.parametrize(
    ("settings", "message"), [({"bar": "rich"}, "bar must be True, False or 'auto'"), ({"every": 0}, "at least 1")]
)
def test_what_makes_no_sense_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TrialProgress(**settings)


# -- comparisons -------------------------------------------------------------------------------------------------------

METHODS = {"broken": FailingClassifier(a=9), "fine": CountingClassifier()}


def compared(progress):
    with pytest.warns(FitFailedWarning, match="broken"):
        return compare(METHODS, X, Y, cv=2, baselines=False, random_state=0, callbacks=[progress])


def test_a_comparison_has_a_line_for_each_fit_in_a_log(caplog, capfd):
    with caplog.at_level(logging.INFO, logger="sklearn_autotune.progress"), MethodProgress() as progress:
        comparison = compared(progress)

    score = comparison.column("score", "fine")[1]
    assert caplog.messages[0] == "1 of 4 fits: broken, fold 1: failed"
    assert caplog.messages[3].startswith(f"4 of 4 fits: fine, fold 2: {score:.5g} in 0.")
    assert len(caplog.messages) == 4
    assert capfd.readouterr() == ("", "")


def test_a_comparison_has_a_bar_in_a_terminal_from_the_beginning(caplog):
    terminal = Terminal()

    with caplog.at_level(logging.INFO, logger="sklearn_autotune.progress"), MethodProgress(stream=terminal) as one:
        compared(one)

    assert "| 0/4 " in terminal.getvalue()
    assert re.match(r"100%\|.*\| 4/4 .*fine, fold 2: ", terminal.getvalue().split("\r")[-1])
    assert terminal.getvalue().endswith("\n")
    assert caplog.messages == []
