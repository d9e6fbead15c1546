"""Racing with several objectives and limits: a candidate is stopped once it can neither be on the front nor win.

From the first k folds of a candidate, the mean of each of its scores over all folds is forecast as in fold racing, with
the largest error in its favour that the error rate permits. The candidate is stopped

- if a complete candidate that meets the limits is at least as good as this optimistic forecast in all objectives, and
  better in one, or
- if the optimistic forecast misses a limit, and a complete candidate meets all limits.

The error rate is divided among the scores that decide. So it is the probability that racing stops one particular
candidate that would have been on the front: such a candidate is better than any other in at least one objective, and is
stopped only if its forecast in that objective, or in a limited score, was too low. Costs differ by factors, so their
logarithms are compared.

There is no measurement on a subsample of the rows: a model of fewer rows is smaller and faster.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import log
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from sklearn_autotune.evaluation import FoldScore, NoPruningState, Outcome, Progress, PrunerState
from sklearn_autotune.evaluation._failures import select_score
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.objectives._front import find_front, rank_fronts
from sklearn_autotune.objectives._plan import ObjectivePlan
from sklearn_autotune.pruning._base import PruningRequest, replay_folds
from sklearn_autotune.pruning._fold_racing import MIN_GOOD, FoldRacing, compute_max_errors, estimate_noise

if TYPE_CHECKING:
    import optuna

__all__ = ["FrontRacingRule", "FrontRacingState", "FrontRacingTracker"]

MIN_COST = 1e-12  # of which a logarithm is taken

# The part of the error rate that a cost has, for each part of a score: costs differ little from fold to fold.
COST_WEIGHT = 0.1

# The least noise of the logarithm of a cost: complete candidates of one kind may all have the same cost on each fold.
MIN_LOG_NOISE = 0.01


@dataclass(frozen=True, slots=True)
class FrontRacingRule:
    """Prunes by several objectives and limits.

    Parameters
    ----------
    racing : FoldRacing
    objectives : ObjectivePlan
    is_feasible : callable
        Takes the folds of a complete candidate, and returns whether it meets the limits.
    """

    racing: FoldRacing
    objectives: ObjectivePlan
    is_feasible: Callable[[Sequence[FoldScore]], bool]

    @classmethod
    def accept(cls, request: PruningRequest) -> "FrontRacingRule | None":
        """Return the rule if there are objectives or limits, and racing is wanted.

        Raises
        ------
        ValueError
            If the user has chosen a pruner that compares candidates by one score.
        """
        if request.objectives is None or request.pruner is None:
            return None
        if request.pruner == "auto":
            is_wanted = not request.wants_every_score
            return cls(FoldRacing(), request.objectives, request.is_feasible) if is_wanted else None
        if not isinstance(request.pruner, FoldRacing):
            raise ValueError(
                f"{type(request.pruner).__name__} compares candidates by one score, and cannot be used with objectives "
                "or limits. Use pruner='auto', FoldRacing(...) or None."
            )
        request.pruner.check()
        return cls(request.pruner, request.objectives, request.is_feasible)

    def start(self, study: "optuna.Study", metric: str | None) -> "FrontRacingTracker":
        """Return a tracker without any outcome yet."""
        return FrontRacingTracker(self)


@dataclass(slots=True)
class FrontRacingTracker:
    """Collects the scores of the complete candidates, and makes the state for the next candidate.

    Parameters
    ----------
    rule : FrontRacingRule
    """

    reports_values: ClassVar[bool] = False
    decides_late: ClassVar[bool] = True

    rule: FrontRacingRule
    scores: list[np.ndarray] = field(default_factory=list, init=False)  # of shape (n_folds, n_keys)
    feasible: list[bool] = field(default_factory=list, init=False)
    state: PrunerState | None = field(default=None, init=False)

    def add_outcome(self, outcome: Outcome) -> None:
        """Record the scores of a complete candidate."""
        if outcome.status == Status.COMPLETE:
            plan = self.rule.objectives
            self.scores.append(_compare(outcome.folds, plan.keys, plan.cost_keys))
            self.feasible.append(self.rule.is_feasible(outcome.folds))
            self.state = None

    def choose_subsamples(self) -> tuple[int, ...]:
        """Return nothing: candidates are measured on whole folds only."""
        return ()

    def make_pruner_state(self, trial: "optuna.Trial") -> PrunerState:
        """Return the state that follows from the complete candidates."""
        if self.state is None:
            self.state = self._make_state()
        return self.state

    def _make_state(self) -> PrunerState:
        plan, racing = self.rule.objectives, self.rule.racing
        feasible = np.array(self.feasible, dtype=bool)
        if len(self.scores) < max(MIN_GOOD, racing.n_startup_trials) or not feasible.any():
            return NoPruningState()
        scores = np.stack(self.scores)  # of shape (n_complete, n_folds, n_keys)
        n_folds = scores.shape[1]
        if n_folds < 2:
            return NoPruningState()
        means = scores.mean(axis=1)
        columns = [plan.keys.index(one.key) for one in plan.objectives]
        values = means[:, columns]
        good = scores[rank_fronts(values).argsort(kind="stable")[: max(MIN_GOOD, (len(scores) + 1) // 2)]]
        weights = np.array([COST_WEIGHT if key in plan.cost_keys else 1.0 for key in plan.keys])
        shares = weights / weights.sum()
        shifts, errors = [], []
        for column, key in enumerate(plan.keys):
            reference = good[:, :, column].mean(axis=0)
            noise = estimate_noise(good[:, :, column], scores[:, :, column])
            noise = max(noise, MIN_LOG_NOISE) if key in plan.cost_keys else noise
            max_errors = compute_max_errors(noise, len(good), n_folds, racing.error_rate * shares[column])
            errors.append(max_errors)
            shifts.append([reference.mean() - reference[:k].mean() for k in range(1, n_folds)])
        front = values[feasible][find_front(values[feasible])]
        return FrontRacingState(
            plan.keys,
            plan.cost_keys,
            tuple(columns),
            front,
            np.array(shifts).T,
            np.array(errors).T,
            tuple(
                (plan.keys.index(limit.key), limit.asks_for_high_score, bound)
                for limit in plan.limits
                if (bound := _read_bound(limit.sign * limit.bound, limit.key in plan.cost_keys)) is not None
            ),
        )

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
class FrontRacingState:
    """What a candidate is compared with after each fold. Higher is better in all columns.

    Attributes
    ----------
    keys : tuple of str
        The scores that decide.
    cost_keys : frozenset of str
        Those of which logarithms are compared.
    columns : tuple of int
        Positions of the objectives among the keys.
    front : ndarray of shape (n_front, n_objectives)
        The means of the complete candidates that no other one beats, of those that meet the limits.
    shifts, errors : ndarray of shape (n_folds - 1, n_keys)
        After each fold, what is added to a mean so far to forecast the mean over all folds, and how much too low that
        may be.
    limits : tuple of (int, bool, float)
        Position of the limited score, whether it has to be high, and the bound.
    is_picklable : bool
    """

    keys: tuple[str, ...]
    cost_keys: frozenset[str]
    columns: tuple[int, ...]
    front: np.ndarray
    shifts: np.ndarray
    errors: np.ndarray
    limits: tuple[tuple[int, bool, float], ...] = ()
    is_picklable: bool = True

    def allows(self, progress: Progress) -> bool:
        """Whether the candidate may go on to its next fold."""
        if progress.has_failed or not progress.folds:
            return True
        k = len(progress.folds) - 1
        forecast = _compare(progress.folds, self.keys, self.cost_keys).mean(axis=0) + self.shifts[k]
        highest, lowest = forecast + self.errors[k], forecast - self.errors[k]
        if any(highest[key] < bound if is_high else lowest[key] > bound for key, is_high, bound in self.limits):
            return False
        best = highest[list(self.columns)]
        is_beaten = (self.front >= best).all(axis=1) & (self.front > best).any(axis=1)
        return not bool(is_beaten.any())


def _compare(folds: Sequence[FoldScore], keys: Sequence[str], cost_keys: frozenset[str]) -> np.ndarray:
    """Return the scores by which candidates are compared, of shape (n_folds, n_keys)."""
    scores = np.array([[select_score(fold.test, key) for key in keys] for fold in folds])
    for column, key in enumerate(keys):
        if key in cost_keys:
            scores[:, column] = -np.log(np.maximum(-scores[:, column], MIN_COST))
    return scores


def _read_bound(score: float, is_cost: bool) -> float | None:
    """Return a bound on the scale on which scores are compared; None if a cost may be anything."""
    if not is_cost:
        return score
    return -log(-score) if score < 0 else None
