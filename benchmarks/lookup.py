"""Searches without fits: candidates that were measured once, and an estimator that looks their scores up.

A real `OptunaSearchCV` over `LookupClassifier` or `LookupRegressor` asks the candidates of a table in a given order, on
its folds in a given order. So whatever rule stops candidates is run as it is, with everything around it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import IntDistribution
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from benchmarks.counting import CountsFits, costs_of, noted
from sklearn_autotune import FoldRacing, OptunaSearchCV

__all__ = ["Replay", "Table", "find_subsamples", "replay"]

Folds = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Table:
    """Candidates that were measured on all folds.

    Attributes
    ----------
    problem : str
    y : ndarray of shape (n_rows,)
    folds : list of (ndarray, ndarray)
    scores : ndarray of shape (n_candidates, n_folds)
    seconds : ndarray of shape (n_candidates,)
        Mean seconds of one fold.
    subsamples : list of ndarray
        For each fold, the training rows on which a search measures candidates before the fold, if it is the first one;
        empty if there are none.
    subsample_scores : ndarray of shape (n_candidates, n_folds)
        Scores of the candidates on the test rows of each fold, if they are fitted on its subsample.
    is_classification : bool
    """

    problem: str
    y: np.ndarray
    folds: Folds
    scores: np.ndarray
    seconds: np.ndarray
    subsamples: list[np.ndarray]
    subsample_scores: np.ndarray
    is_classification: bool = True


@dataclass(frozen=True)
class Replay:
    """What a search measures of each candidate, in the order in which it was asked.

    ``n_folds`` counts whole folds, ``n_fits`` subsamples too; ``cost`` is in fits on all training rows of a fold.
    """

    n_folds: np.ndarray
    n_fits: np.ndarray
    cost: np.ndarray


_current: dict[str, Any] = {}


class Lookup(CountsFits):
    """A candidate of the current table; the rows of X are the numbers of the rows."""

    def __init__(self, candidate: int = 0) -> None:
        self.candidate = candidate

    def fit(self, X, y):
        self.note_fit((self.candidate,), len(X))
        self.n_rows_ = len(X)
        if "rows" in _current:
            _current["rows"].append(X[:, 0].astype(int))
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y):
        table, rows = _current["table"], len(X)
        fold = _current["fold_of"].get(X[0, 0])
        if fold is None or rows != len(table.folds[fold][1]):
            return 0.0  # training rows, which nobody asks for here
        is_whole = self.n_rows_ == len(table.folds[fold][0])
        scores = table.scores if is_whole else table.subsample_scores
        return self.note_score(fold if is_whole else None, float(scores[_current["order"][self.candidate], fold]))


class LookupClassifier(Lookup, ClassifierMixin, BaseEstimator):
    """`Lookup` for tables with classes, of which a subsample has the same shares."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return super().fit(X, y)


class LookupRegressor(Lookup, RegressorMixin, BaseEstimator):
    """`Lookup` for other tables."""


class InOrder(optuna.samplers.BaseSampler):
    """Proposes candidate 0, 1, 2, …"""

    def infer_relative_search_space(self, study, trial):
        return {}

    def sample_relative(self, study, trial, search_space):
        return {}

    def sample_independent(self, study, trial, param_name, param_distribution):
        return trial.number


@contextmanager
def looked_up(table: Table, order: np.ndarray) -> Iterator[dict[str, Any]]:
    """Let the estimators look up this table, whose candidates come in this order."""
    _current.update(table=table, order=order)
    _current["fold_of"] = {float(test[0]): fold for fold, (_, test) in enumerate(table.folds)}
    try:
        yield _current
    finally:
        _current.clear()


def run_search(table: Table, order: np.ndarray, folds: np.ndarray, racing: FoldRacing | None) -> OptunaSearchCV:
    """Run a real search on a table; the candidates and the folds come in this order."""
    model = LookupClassifier() if table.is_classification else LookupRegressor()
    space = {"candidate": IntDistribution(0, 10**6)}  # a range that could be measured in full would be a grid
    return OptunaSearchCV(
        model,
        space,
        n_trials=len(order),
        cv=[table.folds[fold] for fold in folds],
        sampler=InOrder(),
        pruner=racing,
        refit=False,
        measure_default=False,
        random_state=0,
    ).fit(np.arange(float(len(table.y))).reshape(-1, 1), table.y)


def replay(table: Table, order: np.ndarray, folds: np.ndarray, racing: FoldRacing | None = None) -> Replay:
    """Return what a search with racing measures of each candidate."""
    with looked_up(table, order), noted() as fits:
        search = run_search(table, order, folds, racing or FoldRacing())
        n_rows = min(len(train) for train, _ in table.folds)
        asked = np.array([fit.candidate[0] for fit in fits])
        costs = costs_of(fits, n_rows)
    return Replay(
        np.asarray(search.trials_["n_folds"]),
        np.bincount(asked, minlength=len(order)),
        np.bincount(asked, weights=costs, minlength=len(order)),
    )


def find_subsamples(y: np.ndarray, folds: Folds, *, is_classification: bool) -> list[np.ndarray]:
    """Return the rows on which a search with racing measures candidates before each fold, if it is the first one."""
    found = []
    scores = np.random.RandomState(0).normal(size=(4, len(folds)))
    nothing = [np.array([], dtype=int) for _ in folds]
    table = Table("", y, folds, scores, np.ones(4), nothing, scores, is_classification)
    for first in range(len(folds)):
        with looked_up(table, np.arange(4)) as current:
            current["rows"] = []
            run_search(table, np.arange(4), np.roll(np.arange(len(folds)), -first), FoldRacing())
            parts = [rows for rows in current["rows"] if len(rows) < len(folds[first][0]) - 1]
        found.append(parts[0] if parts else nothing[0])
    return found
