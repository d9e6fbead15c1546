"""Folds are binned once in each process, and alike in all of them."""

import ctypes
import os
import pickle
import signal
from dataclasses import dataclass, field

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from xgboost import XGBRegressor

from sklearn_autotune import TunedXGBRegressor
from sklearn_autotune.boosting._binned_folds import BinnedFolds, Target
from sklearn_autotune.boosting._xgboost_library import TunedXGBoost
from tests.toys import make_evaluation

X, Y = load_diabetes(return_X_y=True)


@dataclass
class CountingXGBoost(TunedXGBoost):
    """Counts the rows of the folds that it bins."""

    binned: list[int] = field(default_factory=list)

    def bin_fold(self, model, rows):
        self.binned.append(len(rows.labels))
        return super().bin_fold(model, rows)


def make_folds():
    return BinnedFolds(make_evaluation(XGBRegressor(), X, Y).task, CountingXGBoost(), Target(Y))


def boost(folds, model):
    """The predictions of a booster on the first fold."""
    trainer = folds.bin(model)[0].make_trainer(folds.training.read_settings(model, None))
    for _ in range(5):
        trainer.train_round()
    return trainer.predict_test_rows()


def test_each_way_of_binning_is_done_once():
    folds = make_folds()

    for model in (XGBRegressor(max_depth=2), XGBRegressor(max_depth=5), XGBRegressor(max_bin=8)):
        first = folds.bin(model)
        assert folds.bin(model) is first

    assert folds.training.binned == [221, 221] * 2
    assert folds.max_seconds > 0


def test_a_pickle_has_no_bins_and_makes_the_same_ones_again():
    folds, model = make_folds(), XGBRegressor(max_depth=3, n_jobs=1)
    expected = boost(folds, model)
    folds.training.binned.clear()

    loaded = pickle.loads(pickle.dumps(folds))

    assert loaded.max_seconds == 0.0
    np.testing.assert_array_equal(boost(loaded, model), expected)
    assert loaded.training.binned == [221, 221]


class InterruptedXGBoost(TunedXGBoost):
    """Gets a Ctrl-C in a function that native code calls, and fails afterwards, as XGBoost does."""

    def bin_fold(self, model, rows):
        ctypes.CFUNCTYPE(None)(self._interrupt)()
        raise ValueError("rows are missing")

    def _interrupt(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(100):
            pass  # here the main thread is interrupted


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_is_not_lost_in_binning_and_fails_no_candidate(monkeypatch):
    monkeypatch.setattr(TunedXGBRegressor, "_library", InterruptedXGBoost())
    search = TunedXGBRegressor(n_trials=2, cv=3)

    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)

    assert "failed" not in search.trials_["status"]


def test_bins_that_were_let_go_are_made_again():
    folds, model = make_folds(), XGBRegressor(max_depth=3, n_jobs=1)
    expected = boost(folds, model)

    folds.release()

    assert boost(folds, model).tolist() == expected.tolist()
    assert folds.training.binned == [221, 221] * 2
