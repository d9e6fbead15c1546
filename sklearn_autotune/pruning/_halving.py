"""Successive halving: at each rung, only the best share of the candidates that reached it goes on to the next rung.

This module does not import Optuna when it is imported, because pruner states are sent to worker processes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, ClassVar

from sklearn_autotune.evaluation import Outcome, Progress, PrunerState, Rung, average_scores
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.pruning._base import PruningRequest, replay_rungs

if TYPE_CHECKING:
    import optuna

__all__ = ["HalvingRule", "HalvingState", "HalvingTracker"]


@dataclass(frozen=True, slots=True)
class HalvingRule:
    """Prunes by successive halving, which a search with a ``resource`` uses by default.

    Parameters
    ----------
    factor : float
        At each rung, the best ``1 / factor`` of the candidates go on to the next rung.
    """

    factor: float

    @classmethod
    def accept(cls, request: PruningRequest) -> "HalvingRule | None":
        """Return the rule if candidates are measured rung by rung and the user has chosen no pruner."""
        return cls(request.factor) if request.pruner == "auto" and request.resource is not None else None

    def start(self, study: "optuna.Study", metric: str | None) -> "HalvingTracker":
        """Return a tracker without any outcome yet."""
        return HalvingTracker(self.factor, metric)


@dataclass(slots=True)
class HalvingTracker:
    """Collects the mean scores at each rung, and makes the state for the next candidate.

    This is the asynchronous rule of Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020: a
    candidate goes on if it is among the best ``1 / factor`` of the candidates that have reached this rung, itself
    included.

    Parameters
    ----------
    factor : float
    metric : str or None, default=None

    Examples
    --------
    >>> tracker = HalvingTracker(factor=3)
    >>> for score in [0.5, 0.7, 0.6, 0.8, 0.4]:
    ...     tracker.add_curve([Rung(10, (score,))])
    >>> tracker.make_state().min_means  # two of the six at this rung, including the next, go on
    {10: 0.7}
    """

    reports_values: ClassVar[bool] = False
    decides_late: ClassVar[bool] = False

    factor: float
    metric: str | None = None
    scores: dict[int, list[float]] = field(default_factory=dict)

    def add_outcome(self, outcome: Outcome) -> None:
        """Record the scores at the rungs that a candidate has reached, except the rung at which it failed."""
        self.add_curve(outcome.curve[:-1] if outcome.status == Status.FAILED else outcome.curve)

    def choose_subsamples(self) -> tuple[int, ...]:
        """Return no subsamples: candidates are measured on whole folds."""
        return ()

    def make_pruner_state(self, trial: "optuna.Trial") -> "HalvingState":
        """Return the state that follows from the candidates that have reached each rung so far."""
        return self.make_state()

    def replay(
        self,
        trial: "optuna.Trial",
        stored: "optuna.trial.FrozenTrial",
        outcome: Outcome,
        state: PrunerState,
        *,
        is_anew: bool,
    ) -> Outcome | None:
        """Return the outcome up to the rung at which this state stops the candidate."""
        return replay_rungs(outcome, state)

    def add_curve(self, curve: Sequence[Rung]) -> None:
        """Add the scores of one candidate at its rungs."""
        for rung in curve:
            mean = average_scores(rung.test, self.metric)
            if isfinite(mean):
                self.scores.setdefault(rung.resource, []).append(mean)

    def make_state(self) -> "HalvingState":
        """Make the state for the next candidate."""
        min_means = {resource: self._compute_min_mean(means) for resource, means in self.scores.items()}
        return HalvingState(min_means, self.metric)

    def _compute_min_mean(self, means: Sequence[float]) -> float:
        """Return the lowest mean score that is still in the best share when one more candidate reaches the rung."""
        n_promoted = max(1, int((len(means) + 1) // self.factor))
        return sorted(means, reverse=True)[n_promoted - 1]


@dataclass(frozen=True, slots=True)
class HalvingState:
    """The mean score that a candidate has to reach at each rung; it is fixed when Optuna proposes the candidate.

    Attributes
    ----------
    min_means : mapping of int to float
        For the resource amount of each rung, the required mean score over the folds.
    metric : str or None
        Which of several scores is compared.
    is_picklable : bool
    """

    min_means: Mapping[int, float]
    metric: str | None = None
    is_picklable: bool = True

    def allows(self, progress: Progress) -> bool:
        """Whether the candidate may go on to the next rung."""
        if progress.has_failed:
            return True
        rung = progress.curve[-1]
        mean = average_scores(rung.test, self.metric)
        return not mean < self.min_means.get(rung.resource, float("-inf"))
