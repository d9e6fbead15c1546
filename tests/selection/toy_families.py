"""Toy families, and records of their candidates, for the tests of this folder."""

import threading
from functools import partial

import numpy as np
from optuna.distributions import FloatDistribution
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import get_scorer
from sklearn.model_selection import KFold
from sklearn.naive_bayes import GaussianNB
from xgboost import XGBClassifier

from sklearn_autotune.evaluation import Fold, FoldScore, Outcome, Task, is_forward
from sklearn_autotune.families import Family, Shape
from sklearn_autotune.families._base import estimate_boosting_seconds
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._candidates import CrossFitResult, make_candidate
from sklearn_autotune.selection._cross_fit import CrossFitEvaluation
from sklearn_autotune.selection._schedule import TimeReserve
from sklearn_autotune.selection._second_layer import SecondLayerEstimate
from sklearn_autotune.tables._inner_folds import InnerFolds

N_FOLDS = 3


def family(name, seconds=0.001, rounds=None, n_first=2):
    """A family whose candidates differ in the smoothing alone."""
    return Family(
        name=name,
        estimators=("sklearn.GaussianNB",),
        space=lambda shape: {"var_smoothing": [10.0**-power for power in range(n_first)]},
        make=lambda shape: GaussianNB(),
        first=tuple({"var_smoothing": 10.0**-power} for power in range(n_first)),
        seconds=lambda shape: seconds,
        rounds=rounds,
    )


def boosting(rounds="n_estimators"):
    """A family whose candidates take the longer the lower their learning rate is: at 0.08 ten seconds for each fold."""
    return Family(
        name="boosted",
        estimators=("sklearn.GradientBoostingClassifier",),
        space=lambda shape: {"learning_rate": FloatDistribution(0.05, 0.3)},
        make=lambda shape: GradientBoostingClassifier(),
        first=({"learning_rate": 0.08},),
        seconds=partial(estimate_boosting_seconds, fixed_seconds=0.0, seconds_per_output=10.0, seconds_per_cell=0.0),
        rounds=rounds,
    )


def shape(n_rows):
    return Shape(n_rows, is_classifier=True)


def record(number, name, *scores, status="complete", seconds=0.001):
    folds = tuple(FoldScore(score, None, seconds, 0.0, None) for score in scores)
    params = make_candidate(family(name), {"var_smoothing": 10.0**-number})
    return TrialRecord(number, params, Outcome(status, folds))


def make_reserve(cost_model, deadline, n_rows=150, refits_all=False):
    """Time that is reserved if there can be no second layer."""
    return TimeReserve(cost_model, SecondLayerEstimate(cost_model), deadline, n_rows, refits_all)


def make_cross_fit(families, X, y, *, cv=None, scoring=None, weight=None):
    """Measures candidates of families on a table of numbers; a classification if y holds whole numbers."""
    is_classification = y.dtype.kind == "i"
    splits = (cv or KFold(N_FOLDS)).split(X)
    metadata = {} if weight is None else {"sample_weight": weight}
    task = Task(
        X=X,
        y=y,
        folds=tuple(Fold(number, *rows) for number, rows in enumerate(splits)),
        scorer=get_scorer(scoring or ("neg_log_loss" if is_classification else "neg_root_mean_squared_error")),
        fit_params=metadata,
        score_params=metadata,
        error_score=np.nan,
        return_train_score=False,
    )
    classes = np.unique(y) if is_classification else None
    inner = InnerFolds(times=np.arange(len(y))) if is_forward(task.folds) else InnerFolds()
    return CrossFitEvaluation(
        task, {one.name: one for one in families}, np.zeros(X.shape[1], dtype=int), classes, seed=0, inner=inner
    )


def predicted(number, name, cross_fit, prediction, *, seconds=0.0, n_bytes=0.0, temperature=1.0):
    """A complete candidate with these predictions for the rows of the table, its scores, and what a model costs."""
    parts = [prediction[fold.test] for fold in cross_fit.task.folds]
    folds = tuple(
        FoldScore(cross_fit.score(part, fold.test).score, None, 0.001, 0.0, None)
        for part, fold in zip(parts, cross_fit.task.folds, strict=True)
    )
    result = CrossFitResult(parts, temperature=temperature, seconds_per_row=seconds, n_bytes=n_bytes)
    params = make_candidate(family(name), {"var_smoothing": 10.0**-number})
    return TrialRecord(number, params, Outcome("complete", folds, artifacts=result))


class LockedNB(GaussianNB):
    """Cannot be pickled once it is fitted."""

    def fit(self, X, y, sample_weight=None):
        self.lock_ = threading.Lock()
        return super().fit(X, y, sample_weight)


class LockedXGB(XGBClassifier):
    """A booster that cannot be pickled once it is fitted."""

    def fit(self, X, y, **params):
        self.lock_ = threading.Lock()
        return super().fit(X, y, **params)


class UnreadableNB(GaussianNB):
    """Can be pickled, but not unpickled, once it is fitted."""

    def fit(self, X, y, sample_weight=None):
        self.is_fitted_ = True
        return super().fit(X, y, sample_weight)

    def __setstate__(self, state):
        if "is_fitted_" in state:
            raise ValueError("this model cannot be read")
        super().__setstate__(state)
