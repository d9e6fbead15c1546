"""All time limits use one clock, which never goes backward, even if the machine's time is changed."""

import re
import time
from itertools import count
from pathlib import Path

import pytest
from scipy.stats import uniform
from sklearn.datasets import make_classification

import sklearn_autotune
from sklearn_autotune import OptunaSearchCV
from sklearn_autotune._compat import clock
from tests.toys import SleepingClassifier

HOUR = 3600.0
PACKAGE = Path(sklearn_autotune.__file__).parent


def test_a_deadline_is_as_far_away_as_its_seconds(monkeypatch):
    assert clock.compute_seconds_left(clock.compute_deadline(-5.0)) < 0

    monkeypatch.setattr(clock, "now", lambda: 1000.0)
    assert clock.compute_deadline(100.0) == 1100.0
    assert clock.compute_seconds_left(1100.0) == 100.0


def test_without_a_limit_there_is_no_deadline():
    assert clock.compute_deadline(None) is None
    assert clock.compute_seconds_left(None) is None


def test_no_module_asks_for_the_time_of_day_but_the_one_that_writes_it_down():
    asks = {path.name for path in PACKAGE.rglob("*.py") if re.search(r"\btime\.time\b", path.read_text())}

    assert asks == {"tracking.py"}


@pytest.fixture(params=[-HOUR, HOUR], ids=["set back", "set forward"])
def moving_clock(request, monkeypatch):
    """The time of day is set by an hour at every third time that it is asked for."""
    calls, true_time = count(), time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + request.param * (next(calls) // 3))


@pytest.mark.usefixtures("moving_clock")
def test_a_time_limit_ends_a_search_when_its_seconds_are_over_and_not_before():
    X, y = make_classification(60, random_state=0)
    space = {"a": uniform(0, 9)}
    toy = SleepingClassifier(seconds=0.05)

    enough = OptunaSearchCV(toy, space, n_trials=4, timeout=600, cv=2).fit(X, y)
    short = OptunaSearchCV(toy, space, n_trials=10_000, timeout=1.0, cv=2).fit(X, y)

    assert len(enough.cv_results_["params"]) == 4
    assert len(short.cv_results_["params"]) < 100


# -- seconds by phase: each second counts for one phase, and for the total --------------------------------------------


def test_a_phase_inside_another_counts_for_the_outer_one_alone():
    timer = clock.PhaseTimer()

    with timer.measure("total"), timer.measure("sampler"), timer.measure("measuring"):
        time.sleep(0.01)

    assert timer.measuring == 0
    assert timer.total >= timer.sampler >= 0.01


def test_phases_one_after_the_other_add_up():
    timer = clock.PhaseTimer()

    with timer.measure("total"):
        for part in ("sampler", "measuring", "sampler"):
            with timer.measure(part):
                time.sleep(0.01)

    assert timer.sampler >= 0.02
    assert timer.measuring >= 0.01
    assert timer.total >= timer.sampler + timer.measuring


def test_seconds_before_an_exception_count_and_the_next_phase_is_measured():
    timer = clock.PhaseTimer()

    with pytest.raises(ZeroDivisionError), timer.measure("sampler"):
        raise ZeroDivisionError
    before = timer.sampler
    with timer.measure("measuring"):
        time.sleep(0.01)

    assert before > 0
    assert timer.sampler == before
    assert timer.measuring >= 0.01
