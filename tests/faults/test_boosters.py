"""A candidate of a tuned booster that hangs, dies or takes too much costs that candidate alone."""

import os

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from sklearn_autotune import TunedXGBRegressor
from tests.boosting.toys import Squared
from tests.faults.nightly import at_night
from tests.toys import statuses, table

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore:One or more of the .* scores are non-finite:UserWarning",
        "ignore::sklearn.exceptions.FitFailedWarning",
    ),
]

linux = pytest.mark.skipif(not os.path.exists("/proc"), reason="Linux keeps memory limits")
A_GIGABYTE = 2**30
DEPTHS = [2, 3, 4, 5]  # the candidate of depth 3 ends badly


def load():
    X, y = load_diabetes(return_X_y=True)
    return X[::4], y[::4]


def make(end="", **params):
    """A search of four candidates; with an ``end``, the second one ends badly, but not in this process."""
    objectives = [Squared(end if depth == 3 else "", os.getpid()) for depth in DEPTHS]
    space = [{"max_depth": [depth], "objective": [one]} for depth, one in zip(DEPTHS, objectives, strict=True)]
    settings = {"n_trials": 4, "cv": 3, "n_estimators": 30, "pruner": None, "random_state": 0, "learning_rate": 0.3}
    return TunedXGBRegressor(**settings | {"measure_default": False} | params).set_params(space=space)


def check_others(search):
    """Compare all candidates but the lost one with those of an undisturbed search; return the row of the lost one."""
    undisturbed = make(look_ahead=search.look_ahead).fit(*load())
    rows = {params["max_depth"]: row for row, params in enumerate(search.cv_results_["params"])}
    before = {params["max_depth"]: row for row, params in enumerate(undisturbed.cv_results_["params"])}
    assert sorted(rows) == sorted(before) == DEPTHS
    for depth in (2, 4, 5):
        for name in ("split0_test_score", "split1_test_score", "split2_test_score", "mean_test_score"):
            assert search.cv_results_[name][rows[depth]] == undisturbed.cv_results_[name][before[depth]]
    assert statuses(search).count("complete") == 3
    assert statuses(search)[rows[3]] == "failed"
    assert search.learning_curves_[rows[3]] == []
    assert np.isfinite(search.oof_predictions_).all()
    assert search.predict(load()[0]).shape == load()[1].shape
    return rows[3]


@at_night
@pytest.mark.parametrize("n_jobs", [1, pytest.param(6, marks=at_night)])
def test_a_candidate_that_hangs_costs_one_candidate(n_jobs):
    """Without a limit this test would not end."""
    search = make("hang", trial_timeout=3, n_jobs=n_jobs, look_ahead=2).fit(*load())

    lost = check_others(search)
    assert "took longer than trial_timeout=3 s" in search.trials_["error"][lost]
    assert search.trials_["seconds"][lost] >= 3


@pytest.mark.parametrize("n_jobs", [1, pytest.param(6, marks=at_night)])
def test_the_death_of_a_worker_costs_one_candidate(n_jobs):
    search = make("sigkill", trial_timeout=60, n_jobs=n_jobs, look_ahead=2).fit(*load())

    lost = check_others(search)
    assert search.trials_["exit"][lost] == "SIGKILL(-9)"


@linux
def test_a_candidate_that_takes_too_much_memory_costs_one_candidate():
    search = make("greedy", memory_limit=A_GIGABYTE, n_jobs=2).fit(*load())

    rows = {params["max_depth"]: row for row, params in enumerate(search.cv_results_["params"])}
    assert [statuses(search)[rows[depth]] for depth in DEPTHS] == ["complete", "failed", "complete", "complete"]
    assert "Unable to allocate 3.00 GiB" in search.trials_["error"][rows[3]]
    assert search.trials_["exit"].tolist() == [None] * 4  # the worker lives on


@at_night
def test_what_failed_by_a_limit_is_not_tried_again_on_resume(tmp_path):
    first = make("sigkill", trial_timeout=60, storage=tmp_path / "study.db").fit(*load())

    again = make("sigkill", storage=tmp_path / "study.db", resume=True).fit(*load())

    assert table(again) == table(first)
    np.testing.assert_array_equal(again.oof_predictions_, first.oof_predictions_)


def test_the_default_may_be_lost_too():
    settings = {"n_trials": 2, "cv": 3, "n_estimators": 30, "random_state": 0, "measure_default": True}
    space = {"max_depth": [2, 3], "objective": [Squared()]}
    search = TunedXGBRegressor(objective=Squared("sigkill", os.getpid()), space=space, trial_timeout=60, **settings)

    search.fit(*load())

    assert statuses(search) == ["complete"] * 2
    with pytest.raises(AttributeError, match="ended as failed: The worker process died"):
        _ = search.default_score_
