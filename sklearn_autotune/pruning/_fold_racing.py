"""Fold racing: a candidate is stopped as soon as its first folds show that it cannot win.

All candidates are measured on the same folds, so the difficulty of a fold is the same for all of them and cancels in a
comparison. What is left is noise. Complete candidates show its size: the deviations of their fold scores from candidate
and fold means. From a candidate's first k of n folds, its final mean is estimated as

    mean of its k folds + (mean over all folds - mean over those k) of a reference, the average of good candidates

with an error whose variance is ``noise² (1 + 1/m) (1/k - 1/n)`` for a reference of m candidates: the folds already
measured are part of the final mean. A candidate is stopped if its mean stays below the best even with the largest error
in its favour that the stated error rate permits. So the rate is the probability of losing one particular candidate, the
true winner. It does not depend on how many other candidates there are.

The noise is mostly that of the better half of the complete candidates, because bad candidates differ more from fold to
fold. But a sampler that has converged proposes near copies of the best candidate, which hardly differ from each other,
and a candidate from another region would be compared by their small noise. So the median candidate's noise has a part
in the estimate, and the estimate has a lower limit that comes from the first complete candidates.

This module does not import Optuna when it is imported, because pruner states are sent to worker processes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import sqrt
from numbers import Integral, Real
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy.special import stdtrit

from sklearn_autotune.evaluation import (
    NoPruningState,
    Outcome,
    Progress,
    PrunerState,
    average_folds,
    select_score,
)
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.pruning._base import PruningRequest, Tolerance, replay_folds

if TYPE_CHECKING:
    import optuna

__all__ = ["FoldRacing", "FoldRacingRule", "FoldRacingState", "FoldRacingTracker", "select_fold_scores"]

# The part of the error rate for the test after the first fold; the later tests share the rest.
FIRST_LOOK = 0.35

# The share of complete candidates that counts as good, and how many are needed to estimate the noise.
GOOD_SHARE = 0.5
MIN_GOOD = 3

# The weight of the median candidate's variance in the variance of the noise; the better half has the rest.
MEDIAN_PART = 0.25

# How many complete candidates count as the first ones; this part of their variance is the minimum for the noise.
N_FIRST = 10
FIRST_PART = 0.5

# Relative to the scores, less than this is no noise: some candidates happen to differ by the same amount on all folds.
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
        How many candidates have to be complete before any is stopped; they show how noisy the folds are. If their
        differences are the same on all folds, they show no noise, and as many have to be complete as the error rate
        needs: ``1 / error_rate - 1``, which is 19 for 0.05.

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
    >>> state = FoldRacing(error_rate=0.05).make_state(scores)
    >>> bool(state.min_means[0] < state.min_means[3] < scores.mean(axis=1).max())  # it rises with the folds
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

    def make_state(self, scores: np.ndarray, *, metric: str | None = None, tolerance: float = 0.0) -> PrunerState:
        """Make the pruner state for the next candidate.

        Parameters
        ----------
        scores : ndarray of shape (n_complete, n_folds)
            Fold scores of the complete candidates, in the order in which they were told; higher is better.
        metric : str or None, default=None
            Which of several scores counts.
        tolerance : float, default=0.0
            How far below the best mean a candidate may end without being stopped, in units of the score.

        Returns
        -------
        state : PrunerState
            One that stops nothing if there are too few candidates or folds.
        """
        n_folds = scores.shape[1]
        if len(scores) < self.n_startup_trials or n_folds < 2:
            return NoPruningState()
        good = _select_better_half(scores)
        required_mean = scores.mean(axis=1).max() - tolerance
        rounding = NO_NOISE * np.abs(scores).max()
        if np.abs(_compute_residuals(scores)).max() <= rounding:
            return self._make_state_without_noise(scores, required_mean - rounding, metric)
        if len(good) < MIN_GOOD:
            return NoPruningState()
        reference = good.mean(axis=0)
        degrees_of_freedom = (len(good) - 1) * (n_folds - 1)
        noise = sqrt(_estimate_noise_variance(good, scores) * (1 + 1 / len(good)))
        if noise <= rounding:
            return NoPruningState()
        min_means = []
        for k in range(1, n_folds):
            quantile = stdtrit(degrees_of_freedom, 1 - self._get_fold_error_rate(k, n_folds))
            max_favourable_error = quantile * noise * sqrt(1 / k - 1 / n_folds)
            min_means.append(float(required_mean - max_favourable_error - reference.mean() + reference[:k].mean()))
        return FoldRacingState(tuple(min_means), metric)

    def _make_state_without_noise(self, scores: np.ndarray, required_mean: float, metric: str | None) -> PrunerState:
        """Make the state where the complete candidates differ by the same amount on all folds."""
        if 1 / (len(np.unique(scores, axis=0)) + 1) > self.error_rate:  # equal candidates count once
            return NoPruningState()
        reference = scores.mean(axis=0)
        first_means = np.cumsum(reference)[:-1] / np.arange(1, len(reference))
        return FoldRacingState(tuple((required_mean - reference.mean() + first_means).tolist()), metric)

    def _get_fold_error_rate(self, k: int, n_folds: int) -> float:
        """Return the part of the error rate for the test after fold k; the parts add up to the error rate."""
        n_later = n_folds - 2
        if n_later == 0:
            return self.error_rate
        return self.error_rate * (FIRST_LOOK if k == 1 else (1 - FIRST_LOOK) / n_later)


@dataclass(frozen=True, slots=True)
class FoldRacingRule:
    """Prunes by `FoldRacing`, which a search without a ``resource`` uses by default.

    Parameters
    ----------
    racing : FoldRacing
    tolerance : callable or None, default=None
        From the fold scores of the best candidate to how far below its mean one may end and still be wanted: rules that
        choose among candidates close to the best need these complete.
    """

    racing: FoldRacing
    tolerance: Tolerance | None = None

    @classmethod
    def accept(cls, request: PruningRequest) -> "FoldRacingRule | None":
        """Return the rule if the user has chosen it, or has chosen no pruner and does not expect every score.

        Raises
        ------
        ValueError
            If the chosen one has a wrong parameter, or candidates are not measured fold by fold.
        """
        if isinstance(request.pruner, FoldRacing):
            request.pruner.check()
            if request.resource is not None:
                raise ValueError(
                    f"FoldRacing compares candidates fold by fold, but with resource={request.resource!r} all folds "
                    "climb together. Use pruner='auto' (successive halving), one of Optuna's pruners, or resource=None."
                )
            return cls(request.pruner, request.tolerance)
        is_default = request.pruner == "auto" and request.resource is None and not request.wants_every_score
        return cls(FoldRacing(), request.tolerance) if is_default else None

    def start(self, study: "optuna.Study", metric: str | None) -> "FoldRacingTracker":
        """Return a tracker that knows of no candidate yet."""
        return FoldRacingTracker(self.racing, metric, self.tolerance)


def select_fold_scores(outcome: Outcome, metric: str | None) -> list[float]:
    """Return the score of each fold that guides the search."""
    return [select_score(fold.test, metric) for fold in outcome.folds]


@dataclass(slots=True)
class FoldRacingTracker:
    """Collects the fold scores of the complete candidates, and makes the state for the next candidate.

    Parameters
    ----------
    racing : FoldRacing
    metric : str or None, default=None
        Which of several scores guides the search.
    tolerance : callable or None, default=None
        As of `FoldRacingRule`.
    select_scores : callable, default=select_fold_scores
        From an outcome and the metric to the fold scores by which candidates are compared.
    """

    reports_values: ClassVar[bool] = False

    racing: FoldRacing
    metric: str | None = None
    tolerance: Tolerance | None = None
    select_scores: Callable[[Outcome, str | None], list[float]] = select_fold_scores
    scores: list[list[float]] = field(default_factory=list, init=False)
    state: PrunerState | None = field(default=None, init=False)

    def add_outcome(self, outcome: Outcome) -> None:
        """Take into account the scores of a complete candidate."""
        if outcome.status == Status.COMPLETE:
            self.scores.append(self.select_scores(outcome, self.metric))
            self.state = None

    def make_pruner_state(self, trial: "optuna.Trial") -> PrunerState:
        """Return the state that the complete candidates give."""
        if not self.scores:
            return NoPruningState()
        if self.state is None:
            scores = np.array(self.scores)
            best = scores[scores.mean(axis=1).argmax()]
            tolerance = 0.0 if self.tolerance is None else self.tolerance(best)
            self.state = self.racing.make_state(scores, metric=self.metric, tolerance=tolerance)
        return self.state

    def replay(
        self,
        trial: "optuna.Trial",
        stored: "optuna.trial.FrozenTrial",
        outcome: Outcome,
        state: PrunerState,
        *,
        is_anew: bool,
    ) -> Outcome | None:
        """Return the outcome as far as the candidate comes with this state."""
        return replay_folds(outcome, state)


@dataclass(frozen=True, slots=True)
class FoldRacingState:
    """The mean score that a candidate's first folds have to reach.

    Attributes
    ----------
    min_means : tuple of float
        After the first fold, after two folds, and so on; there is none for the last fold.
    metric : str or None
        Which of several scores counts.
    is_picklable : bool
    """

    min_means: tuple[float, ...]
    metric: str | None = None
    is_picklable: bool = True

    def allows(self, progress: Progress) -> bool:
        """Whether the candidate may go on to its next fold."""
        # After a failed fold the others are measured too, so that the report of failures is complete.
        if progress.has_failed:
            return True
        return average_folds(progress.folds, self.metric) >= self.min_means[progress.step]


def _estimate_noise_variance(good: np.ndarray, scores: np.ndarray) -> float:
    """Return the variance of fold scores around candidate and fold means."""
    candidate_variances = (_compute_residuals(np.unique(scores, axis=0)) ** 2).sum(axis=1) / (scores.shape[1] - 1)
    variance = (1 - MEDIAN_PART) * _compute_residual_variance(good) + MEDIAN_PART * float(
        np.median(candidate_variances)
    )
    first = _select_better_half(scores[:N_FIRST])
    return max(variance, FIRST_PART * _compute_residual_variance(first)) if len(first) >= MIN_GOOD else variance


def _compute_residual_variance(scores: np.ndarray) -> float:
    n_candidates, n_folds = scores.shape
    return float((_compute_residuals(scores) ** 2).sum() / ((n_candidates - 1) * (n_folds - 1)))


def _compute_residuals(scores: np.ndarray) -> np.ndarray:
    """Subtract candidate and fold means."""
    residuals: np.ndarray = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + scores.mean()
    return residuals


def _select_better_half(scores: np.ndarray) -> np.ndarray:
    """Return the better half of the candidates; equal ones, such as constant predictors, count once.

    Means that differ only by rounding are equal. Otherwise the unit of the score would decide which one is in.
    """
    distinct = np.unique(scores, axis=0)
    means = distinct.mean(axis=1)
    rounding = NO_NOISE * np.abs(scores).max() or 1.0
    best_first = distinct[np.argsort(np.round((means.max() - means) / rounding), kind="stable")]
    return best_first[: max(MIN_GOOD, int(np.ceil(GOOD_SHARE * len(best_first))))]
