"""TrialProgress is correct in a terminal, in a log file and in a copy, and never disturbs the search."""

import copy
import io
import logging
import pickle
import re
import sys
import threading

import numpy as np
import optuna
import pytest
from optuna.pruners import MedianPruner
from scipy.stats import uniform
from sklearn.base import clone
from tqdm import TMonitor

from sklearn_autotune import OptunaSearchCV, TunedXGBClassifier
from sklearn_autotune._compat import clock
from sklearn_autotune.progress import TrialProgress
from tests.threads import started_threads
from tests.toys import CountingClassifier, FailingClassifier, Interrupt, Terminal

X, Y = np.column_stack([np.arange(20.0), np.ones(20)]), np.arange(20) % 2


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
    assert [line.partition(" candidates")[0] for line in lines] == ["5 of 12", "10 of 12", "12 of 12"]
    assert f"best score {fitted.best_score_:.5g} (candidate {fitted.best_index_})" in lines[-1]
    assert "(100 %)" in lines[-1]
    assert "left" in lines[0]
    assert "left" not in lines[-1]
    assert capfd.readouterr() == ("", "")  # the stream is no terminal, so there is no bar


def test_lines_go_to_the_standard_error_stream_unless_logging_is_set_up(capfd):
    search(TrialProgress(), n_trials=60).fit(X, Y)

    out, err = capfd.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert lines[-1].startswith("60 of 60 candidates (100 %), best score ")
    assert 9 <= len(lines) <= 11  # each tenth


def test_stopped_and_failed_trials_are_counted_apart(caplog):
    progress = TrialProgress(every=30)
    estimator = FailingClassifier(above=5)
    settings = {"pruner": MedianPruner(n_startup_trials=3), "n_trials": 30, "estimator": estimator}

    with (
        caplog.at_level(logging.INFO, logger="sklearn_autotune.progress"),
        pytest.warns(Warning, match="fits failed|non-finite"),
    ):
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
    assert f"best score {fitted.best_score_:.5g} (candidate {fitted.best_index_})" in last
    assert last.endswith("\n")  # closed, so that the next line of the terminal is free
    assert not [thread for thread in started_threads(before) if isinstance(thread, TMonitor)]
    assert caplog.messages == []


def test_a_search_that_ends_early_fills_and_closes_its_bar():
    terminal = Terminal()

    fitted = search(TrialProgress(stream=terminal), patience=2, n_trials=50).fit(X, Y)

    last = terminal.getvalue().split("\r")[-1]
    assert re.match(rf"100%\|#+\| {len(fitted.cv_results_['params'])}/50 candidates, ", last)
    assert last.endswith("\n")


def test_the_next_search_begins_afresh(caplog):
    progress = TrialProgress(every=6)

    with caplog.at_level(logging.INFO, logger="sklearn_autotune.progress"):
        search(progress, n_trials=6).fit(X, Y)
        search(progress, n_trials=6).fit(X, Y)

    assert [line.partition(",")[0] for line in caplog.messages] == ["6 of 6 candidates (100 %)"] * 2


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


def test_time_left_is_the_lesser_of_both_budgets(monkeypatch):
    progress = TrialProgress(n_trials=1000, timeout=60)
    search(progress, n_trials=3).fit(X, Y)
    end = clock.now()
    monkeypatch.setattr(clock, "now", lambda: end)

    assert progress.seconds_left <= 60 - progress.seconds


def test_boosters_are_watched_too(caplog):
    with caplog.at_level(logging.INFO, logger="sklearn_autotune.progress"):
        TunedXGBClassifier(n_trials=2, cv=2, random_state=0, callbacks=[TrialProgress(2)]).fit(X, Y)

    assert caplog.messages[-1].startswith("2 of 2 candidates (100 %), best log loss 0.")
    assert "(lower is better, candidate " in caplog.messages[-1]


@pytest.mark.parametrize("verbose", [1, 2])
def test_verbose_shows_progress_without_a_callback(verbose, caplog, capsys):
    with caplog.at_level(logging.INFO, logger="sklearn_autotune.progress"):
        OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=10, cv=2, verbose=verbose).fit(X, Y)

    assert caplog.messages[-1].startswith("10 of 10 candidates (100 %), best ")
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


def test_a_candidate_is_named_by_its_row_in_cv_results(caplog):
    progress = TrialProgress(bar=False)
    space = {"a": [1, 2, 3, 4]}
    search = OptunaSearchCV(CountingClassifier(), space, n_trials=3, cv=2, random_state=0, callbacks=[progress])
    repeated = [{"a": 1}, {"a": 1}, {"a": 1}, {"a": 4}]

    with caplog.at_level(logging.INFO, logger="sklearn_autotune.progress"):
        fitted = search.set_params(enqueue=repeated).fit(X, Y)

    best = fitted.trials_["number"][fitted.trials_["status"] == "complete"][fitted.best_index_]
    assert best > fitted.best_index_  # duplicates have numbers too
    assert f"(candidate {fitted.best_index_})" in caplog.messages[-1]
    assert caplog.messages[-1].startswith("3 of 3 candidates (100 %)")


def test_a_search_that_only_the_time_limits_shows_the_share_of_the_seconds(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("sklearn_autotune._compat.clock.now", lambda: now[0])
    progress = TrialProgress(bar=False)
    progress.begin(optuna.create_study(), None, deadline=60.0, stages=("second layer", "final fit"))

    now[0] = 15.0
    assert progress.line() == "searching: 0 candidates (25 %), no score yet, 15 s, about 45 s left"
    progress.begin_stage("final fit")
    now[0] = 54.0
    assert progress.line() == "final fit: 0 candidates (90 %), no score yet, 54 s, about 6.0 s left"
    progress.end()
    assert progress.line() == "0 candidates (100 %), no score yet, 54 s"


def test_stages_after_the_search_are_steps_of_their_own():
    progress = TrialProgress(bar=False)
    progress.begin(optuna.create_study(), 8, stages=("second layer", "final fit"))

    shares = [progress.share]
    for stage in ("second layer", "final fit"):
        progress.begin_stage(stage)
        shares.append(progress.share)
    progress.end()

    assert [*shares, progress.share] == [0, 0.8, 0.9, 1]


def test_a_long_search_has_few_lines(monkeypatch, capfd):
    now = [0.0]
    monkeypatch.setattr("sklearn_autotune._compat.clock.now", lambda: now[0])
    study, progress = optuna.create_study(), TrialProgress(bar=False)
    progress.begin(study, None, deadline=24 * 3600.0)
    for number in range(800):
        now[0] += 100.0
        study.add_trial(optuna.trial.create_trial(value=number))
        progress(study, study.get_trials(deepcopy=False)[-1])

    assert 20 < len(capfd.readouterr().err.splitlines()) < 100


def test_logging_that_shows_only_warnings_does_not_swallow_the_lines(caplog, capfd):
    with caplog.at_level(logging.WARNING, logger="sklearn_autotune.progress"):
        search(TrialProgress()).fit(X, Y)

    assert caplog.messages == []
    assert "12 of 12 candidates" in capfd.readouterr().err


def test_a_program_without_a_console_is_shown_nothing(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)

    fitted = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=3, cv=2, verbose=1).fit(X, Y)

    assert len(fitted.cv_results_["params"]) == 3


def test_an_interrupted_search_leaves_its_bar_where_it_was():
    terminal = Terminal()

    with pytest.raises(KeyboardInterrupt):
        search(TrialProgress(stream=terminal)).set_params(callbacks=[TrialProgress(stream=terminal), Interrupt(6)]).fit(
            X, Y
        )

    last = terminal.getvalue().split("\r")[-1]
    assert last.startswith(" 50%|")
    assert last.endswith("\n")


def test_studies_of_other_programs_are_shown_too(capfd):
    progress = TrialProgress(n_trials=4, bar=False)
    study = optuna.create_study(direction="maximize")

    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=4, callbacks=[progress])

    assert f"4 of 4 candidates (100 %), best score {study.best_value:.5g} (candidate {study.best_trial.number})" in (
        capfd.readouterr().err
    )


def test_of_several_objectives_the_first_score_is_shown_and_not_a_cost_that_comes_first():
    from tests.aimed_searches import X, Y, make_aimed

    progress = TrialProgress(bar=False, stream=io.StringIO())
    search = make_aimed(objectives=["bytes", "neg_log_loss"], callbacks=[progress]).fit(X, Y)

    assert (
        f"best log loss {-search.best_score_:.5g} (lower is better, candidate {search.best_index_})" in progress.line()
    )


def test_the_best_so_far_meets_the_limits():
    from tests.aimed_searches import X, Y, make_aimed

    progress = TrialProgress(bar=False, stream=io.StringIO())
    limits = {"recall": (">=", 0.88), "bytes": ("<=", 2700)}
    search = make_aimed(scoring="roc_auc", limits=limits, limit_confidence=0.5, callbacks=[progress]).fit(X, Y)

    assert np.nanmax(search.cv_results_["mean_test_score"]) > search.best_score_
    assert f"best roc_auc {search.best_score_:.5g} (candidate {search.best_index_})" in progress.line()
