"""A record of all fits in order, so that searches can be compared by their number of fits.

An estimator that records its fits and scores works in any search, if the search runs in this process and scores with
the estimator's own ``score``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["CountsFits", "Fit", "best_after", "costs_of", "noted"]


@dataclass
class Fit:
    """One fit: its candidate, its number of rows and, after scoring, its fold and score.

    The fold stays None for a fit that does not measure a fold: on a part of its training rows, or of its test rows.
    """

    candidate: tuple[Any, ...]
    n_rows: int
    fold: int | None = None
    score: float = np.nan


_noted: list[Fit] = []


@contextmanager
def noted() -> Iterator[list[Fit]]:
    """Yield a list to which all fits in this block are added."""
    _noted.clear()
    yield _noted


class CountsFits:
    """Mixin for estimators that record their fits."""

    def note_fit(self, candidate: tuple[Any, ...], n_rows: int) -> None:
        self.fit_ = Fit(candidate, n_rows)
        _noted.append(self.fit_)

    def note_score(self, fold: int | None, score: float) -> float:
        if fold is not None:  # None for training rows, which GASearchCV always scores, and for a part of a fold
            self.fit_.fold, self.fit_.score = fold, score
        return score


def costs_of(fits: list[Fit], n_rows: int) -> np.ndarray:
    """Return the cost of each fit: its share of a fold's training rows, which are at least so many."""
    return np.minimum(1.0, np.array([fit.n_rows for fit in fits], dtype=float) / n_rows)


def best_after(fits: list[Fit], n_folds: int) -> tuple[np.ndarray, list[tuple[Any, ...] | None]]:
    """Return, after each fit, the best mean score of the candidates that are measured on all folds, and its candidate.

    Returns
    -------
    scores : ndarray of shape (n_fits,)
        NaN as long as no candidate is measured on all folds.
    candidates : list of (tuple or None)
    """
    folds: dict[tuple[Any, ...], dict[int, float]] = {}
    best, winner = np.nan, None
    scores, candidates = [], []
    for fit in fits:
        if fit.fold is not None:
            own = folds.setdefault(fit.candidate, {})
            own[fit.fold] = fit.score
            mean = np.mean(list(own.values()))
            if len(own) == n_folds and not mean <= best and np.isfinite(mean):
                best, winner = mean, fit.candidate
        scores.append(best)
        candidates.append(winner)
    return np.array(scores), candidates
