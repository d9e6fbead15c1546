"""AutoModelSelector's time limit: what is skipped, what is ended, and how many rows are used."""

import time
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier

from sklearn_autotune import AutoModelSelector
from sklearn_autotune.families import FAMILIES, Family
from sklearn_autotune.selection import _auto_model_selector


class Hanging(DummyClassifier):
    def fit(self, X, y, sample_weight=None):
        time.sleep(600)


def test_a_candidate_that_hangs_is_ended():
    hanging = Family("hanging", (), lambda shape: {}, lambda shape: Hanging(), first=({},), seconds=lambda shape: 0.01)
    X, y = load_iris(return_X_y=True)
    selector = AutoModelSelector(families=[hanging, "logistic"], trial_timeout=5.0, n_trials=3, cv=3, random_state=0)
    with pytest.warns(match="fits failed"), pytest.warns(match="non-finite"):
        selector.fit(X, y)

    board = selector.leaderboard_
    assert board["status"][board["family"] == "hanging"].tolist() == ["failed"]
    assert "trial_timeout" in board["error"][board["family"] == "hanging"][0]
    assert selector.score(X, y) > 0.9


def test_candidates_for_which_there_is_no_time_are_not_begun():
    """Each would hang."""
    strategies = ("prior", "uniform", "most_frequent")
    long = Family(
        "long",
        (),
        lambda shape: {"strategy": strategies},
        lambda shape: Hanging(),
        first=tuple({"strategy": strategy} for strategy in strategies),
        seconds=lambda shape: 40.0,
    )
    X, y = load_iris(return_X_y=True)
    selector = AutoModelSelector(families=["logistic", long], timeout=300, n_trials=6, cv=3, random_state=0).fit(X, y)

    assert "long" not in selector.leaderboard_["family"]  # 120 seconds are more than a candidate may take
    assert selector.score(X, y) > 0.9


def test_a_large_table_is_searched_on_a_sample():
    random = np.random.RandomState(0)
    X = random.normal(size=(60_000, 20))
    y = (X[:, 0] + random.normal(size=60_000) > 0).astype(int)
    selector = AutoModelSelector(families=["logistic", "hist_gradient_boosting"], timeout=2, random_state=0).fit(X, y)

    assert selector.n_rows_searched_ < len(y)
    assert selector.score(X, y) > 0.7


def test_a_family_may_have_nothing_to_begin_with():
    X, y = load_iris(return_X_y=True)
    neighbors = next(replace(family, first=()) for family in FAMILIES if family.name == "neighbors")
    selector = AutoModelSelector(families=[neighbors], timeout=5, n_trials=2, cv=3, random_state=0).fit(X, y)
    assert selector.score(X, y) > 0.9


def test_a_table_of_some_thousand_rows_is_searched_whole():
    random = np.random.RandomState(0)
    X, y = random.normal(size=(3500, 50)), np.arange(3500) % 7
    selector = AutoModelSelector(timeout=30, n_trials=1, random_state=0).fit(X, y)
    assert selector.n_rows_searched_ == len(y)


def test_with_many_classes_forests_and_histogram_boosting_are_not_left_out(monkeypatch):
    schedules = []
    make = _auto_model_selector.make_schedule
    monkeypatch.setattr(
        _auto_model_selector,
        "make_schedule",
        lambda *args, **kwargs: schedules.append(make(*args, **kwargs)) or schedules[-1],
    )
    random = np.random.RandomState(0)
    X, y = random.normal(size=(1300, 60)), np.arange(1300) % 32  # as wide as a table of leaves

    AutoModelSelector(timeout=30, n_trials=1, random_state=0).fit(X, y)
    assert {"extra_trees", "forest", "hist_gradient_boosting"} <= set(schedules[0].cost_model.families)
