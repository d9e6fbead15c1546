"""Folds race: a candidate is given up after the folds that suffice to show that it cannot win.

All candidates are measured on the same folds, so what is hard about a fold is hard for all of them and cancels in a
comparison. What is left is noise, and complete candidates show how much: the deviations of their fold scores from
candidate and fold means. From a candidate's first k of n folds, its final mean is foreseen as

    mean of its k folds + (mean over all folds - mean over those k) of a reference, the average of good candidates

with an error whose variance is ``noise² (1 + 1/m) (1/k - 1/n)`` for a reference of m candidates: the folds already
measured are part of the final mean. A candidate is stopped if even the most favourable error that the stated error
rate allows leaves it below the best. So the rate is that of losing one particular candidate, the true winner; how
many losers there are beside it does not matter.

The noise is mostly that of the better half of the complete candidates, for bad ones differ from fold to fold by more.
But a sampler that has settled on a place proposes near copies of the best, which hardly differ at all; a candidate from
elsewhere would be held against their noise. So the median candidate's noise has a part in it, and it never falls far
below what the first complete candidates showed.

Nothing here imports Optuna: bars travel to worker processes.
"""

from dataclasses import dataclass
from math import isfinite, sqrt
from numbers import Integral, Real

import numpy as np
from scipy.special import stdtrit

from sklearn_autotune.evaluation import NoPruningState, Progress, PrunerState, average_scores

__all__ = ["FoldRacing", "FoldRacingState"]

# How much of the error rate goes to the first look; later looks share the rest.
FIRST_LOOK = 0.35

# The share of complete candidates that counts as good, and how many there have to be to tell the noise from.
GOOD_SHARE = 0.5
MIN_GOOD = 3

# The part of the median candidate's variance in that of the noise; the rest is the better half's.
MEDIAN_PART = 0.25

# How many complete candidates are the first ones, and the share of their variance that is the least of the noise's.
N_FIRST = 10
FIRST_PART = 0.5

# Folds without any noise, in units of the scores: a handful of candidates that happen to run in parallel says nothing.
NO_NOISE = 1e-9


@dataclass(frozen=True, slots=True)
class FoldRacing:
    """Stop candidates after the folds that suffice to show that they cannot win.

    Parameters
    ----------
    error_rate : float, default=0.05
        How often, at most, the candidate that would have had the best mean score may be stopped: the probability that
        the best mean of a search is not found because of racing. Between 0 and 1; higher saves more.
    n_startup_trials : int, default=3
        How many candidates have to be complete before any is stopped; they show how noisy the folds are.

    Notes
    -----
    A sequential t-test on paired differences in the spirit of Maron and Moore, "Hoeffding Races", NeurIPS 1994, and
    Birattari et al., "A racing algorithm for configuring metaheuristics", GECCO 2002, with two differences: the
    question is about the mean over the folds of this search, and not over all folds there could be, so that it is
    settled when the last fold is measured; and the rate is the winner's, not that of any comparison. It assumes that
    the deviations are about normal, and that the winner's are about as large as those of the better half of the
    complete candidates. ``benchmarks/racing.py`` checks the rate by simulation and on real tables.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_autotune import FoldRacing
    >>> scores = np.random.RandomState(0).normal(0.80, 0.01, size=(8, 5))
    >>> bar = FoldRacing(error_rate=0.05).bar(scores)
    >>> bool(bar.least[0] < bar.least[3] < scores.mean(axis=1).max())  # it rises with the folds
    True
    """

    error_rate: float = 0.05
    n_startup_trials: int = 3

    def check(self) -> None:
        """Raise ValueError if a parameter cannot be used."""
        if not isinstance(self.error_rate, Real) or not 0 < self.error_rate < 1:
            raise ValueError(f"FoldRacing's error_rate must be a number between 0 and 1, got {self.error_rate!r}.")
        if not isinstance(self.n_startup_trials, Integral) or self.n_startup_trials < 1:
            raise ValueError(
                f"FoldRacing's n_startup_trials must be an int of at least 1, got {self.n_startup_trials!r}."
            )

    def bar(self, scores: np.ndarray, *, metric: str | None = None, tolerance: float = 0.0) -> PrunerState:
        """Freeze the bar for the next candidate.

        Parameters
        ----------
        scores : ndarray of shape (n_complete, n_folds)
            Fold scores of the complete candidates, in the order in which they were told; higher is better.
        metric : str or None, default=None
            Which of several scores the bar is for.
        tolerance : float, default=0.0
            How far below the best mean a candidate may end and still be wanted, in units of the score.

        Returns
        -------
        bar : PrunerState
            Open if there is too little to go by.
        """
        n_folds = scores.shape[1]
        if len(scores) < self.n_startup_trials or n_folds < 2:
            return NoPruningState()
        good = _better_share(scores)
        if len(good) < MIN_GOOD:
            return NoPruningState()
        reference = good.mean(axis=0)
        freedom = (len(good) - 1) * (n_folds - 1)
        noise = sqrt(_variance(good, scores) * (1 + 1 / len(good)))
        if noise <= NO_NOISE * np.abs(scores).max():
            return NoPruningState()
        wanted = scores.mean(axis=1).max() - tolerance
        least = []
        for k in range(1, n_folds):
            quantile = stdtrit(freedom, 1 - self._rate_of_look(k, n_folds))
            luck = quantile * noise * sqrt(1 / k - 1 / n_folds)
            least.append(float(wanted - luck - reference.mean() + reference[:k].mean()))
        return FoldRacingState(tuple(least), metric)

    def _rate_of_look(self, k: int, n_folds: int) -> float:
        """Return the part of the error rate that is spent after fold k; the parts add up to it."""
        n_later = n_folds - 2
        if n_later == 0:
            return self.error_rate
        return self.error_rate * (FIRST_LOOK if k == 1 else (1 - FIRST_LOOK) / n_later)


@dataclass(frozen=True, slots=True)
class FoldRacingState:
    """What the mean of a candidate's first folds has to reach.

    Attributes
    ----------
    least : tuple of float
        After the first fold, after two, and so on; the last fold has none.
    metric : str or None
        Which of several scores counts.
    is_picklable : bool
    """

    least: tuple[float, ...]
    metric: str | None = None
    is_picklable: bool = True

    def allows(self, progress: Progress) -> bool:
        """Whether the candidate may go on to its next fold."""
        mean = average_scores((fold.test for fold in progress.folds), self.metric)
        # After a failed fold the others are measured too, so that the report of failures is complete.
        failed = not isfinite(mean) or any(fold.error is not None for fold in progress.folds)
        return failed or mean >= self.least[progress.step]


def _variance(good: np.ndarray, scores: np.ndarray) -> float:
    """Return the variance of fold scores around candidate and fold means."""
    of_each = (_residuals(np.unique(scores, axis=0)) ** 2).sum(axis=1) / (scores.shape[1] - 1)
    now = (1 - MEDIAN_PART) * _variance_of(good) + MEDIAN_PART * float(np.median(of_each))
    first = _better_share(scores[:N_FIRST])
    return max(now, FIRST_PART * _variance_of(first)) if len(first) >= MIN_GOOD else now


def _variance_of(scores: np.ndarray) -> float:
    n_candidates, n_folds = scores.shape
    return float((_residuals(scores) ** 2).sum() / ((n_candidates - 1) * (n_folds - 1)))


def _residuals(scores: np.ndarray) -> np.ndarray:
    """Take candidate and fold means away."""
    return scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + scores.mean()


def _better_share(scores: np.ndarray) -> np.ndarray:
    """Return the better half of the candidates; equal ones, such as constant predictors, count once.

    Means that differ by no more than rounding are equal: else the unit of the score would say which candidate is in.
    """
    distinct = np.unique(scores, axis=0)
    means = distinct.mean(axis=1)
    rounding = NO_NOISE * np.abs(scores).max() or 1.0
    best_first = distinct[np.argsort(np.round((means.max() - means) / rounding), kind="stable")]
    return best_first[: max(MIN_GOOD, int(np.ceil(GOOD_SHARE * len(best_first))))]
