"""Wherever candidates are measured, the whole search is the same to the last bit."""

import os

import numpy as np
import pytest
from optuna.pruners import MedianPruner
from sklearn.datasets import load_breast_cancer, load_diabetes

from sklearn_autotune import FoldRacing, TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.boosting._fold_boosting import FoldBoosting
from tests.boosting.toys import NotingXGBoost
from tests.faults.nightly import at_night
from tests.toys import read_log, statuses, table

LIMIT = {"trial_timeout": 60.0}  # so that worker processes measure
SMALL = {"cv": 3, "n_estimators": 40, "random_state": 0}

CASES = {
    "racing": lambda **params: TunedXGBClassifier(n_trials=12, pruner=FoldRacing(0.3, 2), **SMALL | params),
    "optuna's pruner": lambda **params: TunedXGBClassifier(
        n_trials=8, pruner=MedianPruner(n_startup_trials=2), **SMALL | params
    ),
    "samples": lambda **params: TunedXGBRegressor(
        n_trials=4, subsample=0.5, colsample_bytree=0.5, keep="estimators", **SMALL | params
    ),
    "several scores": lambda **params: TunedXGBClassifier(
        n_trials=4, scoring=["roc_auc", "neg_log_loss"], refit="roc_auc", return_train_score=True, **SMALL | params
    ),
}


def load(search):
    """A small table, with the weights of its rows for the score."""
    X, y = (load_diabetes if isinstance(search, TunedXGBRegressor) else load_breast_cancer)(return_X_y=True)
    return X[::4], y[::4], {"sample_weight": np.random.RandomState(0).uniform(0.1, 2, size=len(y[::4]))}


def fit(search):
    X, y, weights = load(search)
    return search.fit(X, y, **weights)


def collect(search):
    """All that a search finds, times aside."""
    X, _, _ = load(search)
    folds = [one.predict(X).tolist() for one in getattr(search, "fold_estimators_", [])]
    curves = [
        [{name: values.tolist() for name, values in curve.items()} for curve in row] for row in search.learning_curves_
    ]
    return {
        "table": table(search),
        "statuses": statuses(search),
        "params": search.best_params_,
        "out of fold": search.oof_predictions_.tolist(),
        "predictions": search.predict(X).tolist(),
        "model": search.best_estimator_.get_booster().save_raw("json"),
        "curves": repr(curves),
        "default": search.default_score_,
        "corrected": (search.corrected_score_, search.tuning_gain_),
        "folds": folds,
    }


@pytest.fixture(scope="module")
def found():
    """What the searches find in this process."""
    return {case: collect(fit(make())) for case, make in CASES.items()}


@pytest.mark.few_by_day(4)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("settings", [{"n_jobs": 2}, LIMIT], ids=["threads", "a worker process"])
def test_a_search_is_the_same_in_threads_and_in_worker_processes(found, case, settings):
    search = fit(CASES[case](**settings))

    assert collect(search) == found[case]


def test_all_limits_and_several_threads_in_a_worker_change_nothing(found):
    search = fit(CASES["samples"](n_jobs=2, memory_limit=2**33, **LIMIT))

    assert collect(search) == found["samples"]


def test_a_worker_bins_the_folds_once_for_all_candidates(tmp_path, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setattr(TunedXGBRegressor, "_library", NotingXGBoost(str(log)))

    fit(CASES["samples"](measure_default=True, **LIMIT))

    pids = [entry["pid"] for entry in read_log(log)]
    assert len(pids) == 3
    assert len(set(pids) - {os.getpid()}) == 1


def test_several_workers_at_a_time_find_the_same():
    settings = {"look_ahead": 3, "measure_default": False}
    one = fit(CASES["racing"](**settings))

    several = fit(CASES["racing"](n_jobs=6, **settings, **LIMIT))

    assert "pruned" in statuses(one)
    assert table(several) == table(one)
    np.testing.assert_array_equal(several.oof_predictions_, one.oof_predictions_)


@pytest.mark.parametrize(
    "settings", [pytest.param({}, id="in this process"), pytest.param(LIMIT, id="in a worker", marks=at_night)]
)
def test_the_winner_is_boosted_again_for_its_predictions_only_if_another_process_measured_it(
    tmp_path, monkeypatch, settings
):
    n_again = [0]
    predict = FoldBoosting.predict_out_of_fold

    def count(*args):
        n_again[0] += 1
        return predict(*args)

    def make(**params):
        return TunedXGBRegressor(n_trials=10, cv=3, random_state=4, measure_default=False, **settings, **params)

    monkeypatch.setattr(FoldBoosting, "predict_out_of_fold", count)
    whole = fit(make())
    assert whole.best_index_ >= 7  # the search of seven candidates below has not measured it
    assert n_again == [0]

    stored = {"storage": tmp_path / "study.db", "resume": True}
    fit(make(**stored).set_params(n_trials=7))
    resumed = [fit(make(**stored)), fit(make(**stored))]

    assert n_again == [1]  # the second search has measured the winner of all ten candidates, the third one has not
    X, _, _ = load(whole)
    for search in resumed:
        assert table(search) == table(whole)
        np.testing.assert_array_equal(search.oof_predictions_, whole.oof_predictions_)
        np.testing.assert_array_equal(search.predict(X), whole.predict(X))


def test_a_worker_tells_how_long_binning_takes_which_the_final_fit_does_too(monkeypatch):
    told = []
    estimate = FoldBoosting.estimate_final_seconds

    def watch(evaluation, seconds):
        told.append((seconds, evaluation._binned_folds.max_seconds))
        return estimate(evaluation, seconds)

    monkeypatch.setattr(FoldBoosting, "estimate_final_seconds", watch)
    search = fit(CASES["several scores"](timeout=600.0, measure_default=False, **LIMIT))

    assert {here for _, here in told} == {0.0}  # this process has binned nothing
    assert max(seconds for seconds, _ in told) > search.cv_results_["mean_fit_time"].max()
