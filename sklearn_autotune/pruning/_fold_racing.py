"""Fold racing: a candidate is stopped as soon as its first folds show that it cannot win.

All candidates are measured on the same folds. So the difficulty of a fold is the same for all of them, and cancels when
candidates are compared; only noise is left. The size of the noise is estimated from complete candidates, as the
deviations of their fold scores from candidate means and fold means. From the first k of n folds of a candidate, its
final mean score is estimated as

    mean of its k folds + (mean over all folds - mean over those k) of a reference, the average of good candidates

The error of this estimate has the variance ``noise² (1 + 1/m) (1/k - 1/n)``, where m is the number of candidates in the
reference. It falls to 0 at k = n, because the measured folds are part of the final mean. A candidate is stopped if its
estimated mean, plus the largest error that the error rate permits, is still below the best mean. So the error rate is
the probability that one particular candidate, the true winner, is stopped. It does not depend on the number of other
candidates.

The noise is estimated mostly from the better half of the complete candidates, because the scores of bad candidates vary
more from fold to fold. But a converged sampler proposes near copies of the best candidate, which hardly differ from
each other. Their noise is too small for a candidate from another region. So the estimate includes the noise of the
median candidate, and it has a lower limit that is computed from the first complete candidates.

Before its first fold, a candidate is measured on a subsample of that fold's training rows, if there are enough rows,
and may be stopped there (`pruning._subsample_racing`).

This module does not import Optuna when it is imported, because pruner states are sent to worker processes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf, nan, sqrt
from numbers import Integral, Real
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy.special import stdtrit

from sklearn_autotune.evaluation import (
    NoPruningState,
    Outcome,
    Progress,
    PrunerState,
    SubsampleScore,
    average_folds,
    select_score,
)
from sklearn_autotune.evaluation._base import explain_failure
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.pruning._base import PruningRequest, Tolerance, replay_folds
from sklearn_autotune.pruning._subsample_racing import SubsampleRecord, compute_min_subsample_score

if TYPE_CHECKING:
    import optuna

__all__ = [
    "MIN_GOOD",
    "FoldRacing",
    "FoldRacingRule",
    "FoldRacingState",
    "FoldRacingTracker",
    "compute_max_errors",
    "estimate_noise",
    "select_fold_scores",
]

# The share of the error rate for the test after the subsample, if there is one.
SUBSAMPLE_LOOK = 0.2

# The share of the other error rate for the test after the first fold. The later tests have equal shares of the rest.
FIRST_LOOK = 0.35

# The share of complete candidates that counts as good, and the number of good ones needed to estimate the noise.
GOOD_SHARE = 0.5
MIN_GOOD = 3

# The weight of the median candidate's variance in the variance of the noise; the better half has the rest.
MEDIAN_PART = 0.25

# The number of complete candidates that count as the first ones. This share of their variance is the lower limit.
N_FIRST = 10
FIRST_PART = 0.5

# Noise below this share of the scores is rounding: on some data, candidates differ by the same amount on all folds.
NO_NOISE = 1e-9


@dataclass(frozen=True, slots=True)
class FoldRacing:
    """Stop a candidate as soon as a fit on few rows, or its first folds, show that it cannot win.

    Parameters
    ----------
    error_rate : float, default=0.05
        The highest accepted probability that racing stops the candidate that would have had the best mean score.
        Between 0 and 1. A higher rate stops more candidates and saves more time.
    n_startup_trials : int, default=3
        The number of candidates that have to be complete before any candidate is stopped. They show how noisy the fold
        scores are. If complete candidates differ by the same amount on all folds, there is no noise to estimate. Then
        ``1 / error_rate - 1`` of them have to be complete, which is 19 for 0.05.
    subsample : float or None, default=0.1
        The share of the first fold's training rows on which a candidate is measured before its first fold. If it scores
        too low there, it is stopped without any fold. The subsample has at least 60 rows, and 5 of each class; if that
        is more than a third of the training rows, there is none. A search stops using the subsample if it saves less
        than it costs. None measures candidates on whole folds only. `AutoModelSelector`, `TunedXGBClassifier` and
        `TunedXGBRegressor` use whole folds only.

    Notes
    -----
    This is a sequential t-test on paired differences, similar to Maron and Moore, "Hoeffding Races", NeurIPS 1994, and
    Birattari et al., "A racing algorithm for configuring metaheuristics", GECCO 2002. There are two differences. First,
    it compares mean scores over the folds of this search, not over all possible folds. So there is no uncertainty after
    the last fold. Second, the error rate is that of losing the winner, not that of any single comparison. The test
    assumes that the deviations are about normal, and that those of the winner are about as large as those of the better
    half of the complete candidates. ``benchmarks/racing.py`` checks the error rate by simulation and on real data.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_autotune import FoldRacing
    >>> scores = np.random.RandomState(0).normal(0.80, 0.01, size=(8, 5))
    >>> state = FoldRacing(error_rate=0.05).make_state(scores)
    >>> bool(state.min_means[0] < state.min_means[3] < scores.mean(axis=1).max())  # it increases with the folds
    True
    """

    error_rate: float = 0.05
    n_startup_trials: int = 3
    subsample: float | None = 0.1

    def check(self) -> None:
        """Raise ValueError if a parameter is invalid."""
        if not isinstance(self.error_rate, Real) or not 0 < self.error_rate < 1:
            raise ValueError(f"FoldRacing's error_rate must be a number between 0 and 1, got {self.error_rate!r}.")
        if not isinstance(self.n_startup_trials, Integral) or self.n_startup_trials < 1:
            raise ValueError(
                f"FoldRacing's n_startup_trials must be an int of at least 1, got {self.n_startup_trials!r}."
            )
        is_share = isinstance(self.subsample, Real) and 0 < self.subsample < 1
        if self.subsample is not None and not is_share:
            raise ValueError(
                f"FoldRacing's subsample must be a number between 0 and 1, or None, got {self.subsample!r}."
            )

    def make_state(
        self,
        scores: np.ndarray,
        *,
        subsample_scores: np.ndarray | None = None,
        metric: str | None = None,
        tolerance: float = 0.0,
    ) -> PrunerState:
        """Make the pruner state for the next candidate.

        Parameters
        ----------
        scores : ndarray of shape (n_complete, n_folds)
            Fold scores of the complete candidates, in the order in which they were told; higher is better.
        subsample_scores : ndarray of shape (n_complete,) or None, default=None
            Scores of the same candidates on the subsample; NaN for a candidate without one. None if there is no
            subsample.
        metric : str or None, default=None
            Which of several scores is compared; None is the first one.
        tolerance : float, default=0.0
            How far below the best mean a candidate may be without being stopped, in units of the score.

        Returns
        -------
        state : PrunerState
            If there are too few candidates or folds, it stops no candidate.
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
        noise = estimate_noise(good, scores)
        if noise <= rounding:
            return NoPruningState()
        fold_error_rate = self.error_rate * (1 if subsample_scores is None else 1 - SUBSAMPLE_LOOK)
        max_errors = compute_max_errors(noise, len(good), n_folds, fold_error_rate)
        min_means = [
            float(required_mean - max_error - reference.mean() + reference[:k].mean())
            for k, max_error in enumerate(max_errors, 1)
        ]
        if subsample_scores is None:
            return FoldRacingState(tuple(min_means), metric)
        min_subsample_score = compute_min_subsample_score(
            subsample_scores, scores, required_mean, self.error_rate * SUBSAMPLE_LOOK
        )
        return FoldRacingState(tuple(min_means), metric, min_subsample_score=min_subsample_score)

    def _make_state_without_noise(self, scores: np.ndarray, required_mean: float, metric: str | None) -> PrunerState:
        """Make the state if the complete candidates differ by the same amount on all folds."""
        if 1 / (len(np.unique(scores, axis=0)) + 1) > self.error_rate:  # equal candidates count once
            return NoPruningState()
        reference = scores.mean(axis=0)
        first_means = np.cumsum(reference)[:-1] / np.arange(1, len(reference))
        return FoldRacingState(tuple((required_mean - reference.mean() + first_means).tolist()), metric)


@dataclass(frozen=True, slots=True)
class FoldRacingRule:
    """Prunes by `FoldRacing`, which a search without a ``resource`` uses by default.

    Parameters
    ----------
    racing : FoldRacing
    tolerance : callable or None, default=None
        Takes the fold scores of the best candidate, and returns how far below its mean score a candidate may be without
        being stopped. A ``refit`` rule that chooses among candidates close to the best needs them complete.
    subsample_share : float, default=0.0
        The share of the first fold's training rows in the task's subsample; 0 if the task has none.
    """

    racing: FoldRacing
    tolerance: Tolerance | None = None
    subsample_share: float = 0.0

    @classmethod
    def accept(cls, request: PruningRequest) -> "FoldRacingRule | None":
        """Return the rule if the user has chosen it, or has chosen no pruner and does not expect every score.

        Raises
        ------
        ValueError
            If the user's `FoldRacing` has an invalid parameter, or if candidates are not measured fold by fold.
        """
        if isinstance(request.pruner, FoldRacing):
            request.pruner.check()
            if request.resource is not None:
                raise ValueError(
                    f"FoldRacing compares candidates fold by fold, but with resource={request.resource!r} each step "
                    "uses all folds. Use pruner='auto' (successive halving), one of Optuna's pruners, or resource=None."
                )
            return cls(request.pruner, request.tolerance)
        is_default = request.pruner == "auto" and request.resource is None and not request.wants_every_score
        return cls(FoldRacing(), request.tolerance) if is_default else None

    def start(self, study: "optuna.Study", metric: str | None) -> "FoldRacingTracker":
        """Return a tracker without any outcome yet."""
        return FoldRacingTracker(self.racing, metric, self.tolerance, subsample_share=self.subsample_share)


def select_fold_scores(outcome: Outcome, metric: str | None) -> list[float]:
    """Return for each fold the score that guides the search."""
    return [select_score(fold.test, metric) for fold in outcome.folds]


def select_subsample_score(subsamples: Sequence[SubsampleScore], metric: str | None) -> float:
    """Return the score on the subsample that guides the search; NaN if there is none, or if the fit failed."""
    usable = [subsample.score for subsample in subsamples if explain_failure(subsample.score) is None]
    return select_score(usable[-1].test, metric) if usable else nan


@dataclass(slots=True)
class FoldRacingTracker:
    """Collects the fold scores of the complete candidates, and makes the state for the next candidate.

    Parameters
    ----------
    racing : FoldRacing
    metric : str or None, default=None
        Which of several scores guides the search.
    tolerance : callable or None, default=None
        As in `FoldRacingRule`.
    select_scores : callable, default=select_fold_scores
        Takes an outcome and the metric, and returns the fold scores by which candidates are compared.
    subsample_share : float, default=0.0
        As in `FoldRacingRule`.
    decides_late : bool, default=True
        Whether states may be made after their candidates were asked. False if a worker measures all folds of a
        candidate together, because it needs the state from the beginning.
    """

    reports_values: ClassVar[bool] = False

    racing: FoldRacing
    metric: str | None = None
    tolerance: Tolerance | None = None
    select_scores: Callable[[Outcome, str | None], list[float]] = select_fold_scores
    subsample_share: float = 0.0
    decides_late: bool = True
    scores: list[list[float]] = field(default_factory=list, init=False)
    subsample_scores: list[float] = field(default_factory=list, init=False)
    subsample_record: SubsampleRecord = field(init=False)
    state: PrunerState | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.subsample_record = SubsampleRecord(self.subsample_share)

    def add_outcome(self, outcome: Outcome) -> None:
        """Record the scores of a complete candidate, and where a pruned one was stopped."""
        if outcome.status in (Status.COMPLETE, Status.PRUNED):
            may_be_stopped = len(self.scores) >= self.racing.n_startup_trials
            self.subsample_record.add_candidate(
                is_measured=bool(outcome.subsamples) and may_be_stopped, is_stopped=not outcome.folds
            )
        if outcome.status == Status.COMPLETE:
            self.scores.append(self.select_scores(outcome, self.metric))
            self.subsample_scores.append(select_subsample_score(outcome.subsamples, self.metric))
            self.state = None

    def choose_subsamples(self) -> tuple[int, ...]:
        """Return the number of the task's subsample, unless there is none, or it saves less than it costs."""
        return (-1,) if self.subsample_share and self.subsample_record.is_wanted else ()

    def make_pruner_state(self, trial: "optuna.Trial") -> PrunerState:
        """Return the state that follows from the complete candidates."""
        if not self.scores:
            return NoPruningState()
        if self.state is None:
            scores = np.array(self.scores)
            best = scores[scores.mean(axis=1).argmax()]
            tolerance = 0.0 if self.tolerance is None else self.tolerance(best)
            self.state = self.racing.make_state(
                scores,
                subsample_scores=np.array(self.subsample_scores) if self.subsample_share else None,
                metric=self.metric,
                tolerance=tolerance,
            )
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
        """Return the outcome up to the step at which this state stops the candidate."""
        return replay_folds(outcome, state)


@dataclass(frozen=True, slots=True)
class FoldRacingState:
    """The score that a candidate has to reach on the subsample, and the mean score on its first folds.

    Attributes
    ----------
    min_means : tuple of float
        The required mean after the first fold, after two folds, and so on. After the last fold none is required.
    metric : str or None
        Which of several scores is compared.
    is_picklable : bool
    min_subsample_score : float
        The required score on the subsample. A candidate that could not be fitted on so few rows goes on.
    """

    min_means: tuple[float, ...]
    metric: str | None = None
    is_picklable: bool = True
    min_subsample_score: float = -inf

    def allows(self, progress: Progress) -> bool:
        """Whether the candidate may go on to its next fold."""
        # After a failed fold, the others are measured too, so that all failures can be reported.
        if progress.has_failed:
            return True
        if not progress.folds:
            return not select_subsample_score(progress.subsamples, self.metric) < self.min_subsample_score
        return average_folds(progress.folds, self.metric) >= self.min_means[len(progress.folds) - 1]


def estimate_noise(good: np.ndarray, scores: np.ndarray) -> float:
    """Return the standard deviation of a candidate's fold scores around what the good candidates let expect.

    Parameters
    ----------
    good : ndarray of shape (n_good, n_folds)
        The reference.
    scores : ndarray of shape (n_complete, n_folds)
        In the order in which the candidates were told.
    """
    return sqrt(_estimate_noise_variance(good, scores) * (1 + 1 / len(good)))


def compute_max_errors(noise: float, n_good: int, n_folds: int, error_rate: float) -> list[float]:
    """Return by how much the forecast of a mean score may be too low, after the first fold, after two folds, and so on.

    Parameters
    ----------
    noise : float
        As `estimate_noise` gives it.
    n_good : int
        The number of candidates in the reference.
    n_folds : int
    error_rate : float
        The probability that one of the forecasts is too low by more.
    """
    degrees_of_freedom = (n_good - 1) * (n_folds - 1)
    errors = []
    for k in range(1, n_folds):
        quantile = stdtrit(degrees_of_freedom, 1 - error_rate * _get_fold_share(k, n_folds))
        errors.append(float(quantile * noise * sqrt(1 / k - 1 / n_folds)))
    return errors


def _get_fold_share(k: int, n_folds: int) -> float:
    """Return the share of the error rate for the test after fold k; all shares add up to 1."""
    n_later = n_folds - 2
    if n_later == 0:
        return 1.0
    return FIRST_LOOK if k == 1 else (1 - FIRST_LOOK) / n_later


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

    Means that differ only by rounding are treated as equal. Otherwise multiplying all scores by a constant could change
    which candidates are selected.
    """
    distinct = np.unique(scores, axis=0)
    means = distinct.mean(axis=1)
    rounding = NO_NOISE * np.abs(scores).max() or 1.0
    best_first = distinct[np.argsort(np.round((means.max() - means) / rounding), kind="stable")]
    return best_first[: max(MIN_GOOD, int(np.ceil(GOOD_SHARE * len(best_first))))]
