"""How the outcome of a candidate is told to the study, from which the sampler learns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from sklearn_autotune.evaluation import FoldScore, Outcome, average_folds, average_scores
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.objectives._plan import ObjectivePlan
from sklearn_autotune.pruning import PruningTracker
from sklearn_autotune.pruning._optuna_pruner import list_values

__all__ = ["Aim", "Teller"]

# An infinite violation of a limit is told as this, because samplers add violations up.
MAX_VIOLATION = 1e6


def _violate_nothing(folds: Sequence[FoldScore]) -> np.ndarray:
    """Return nothing: there are no limits."""
    return np.empty(0)


def _constrain_nothing(trial: optuna.Trial, outcome: Outcome) -> Mapping[str, float]:
    """Return nothing: there are no limits for the sampler."""
    return {}


@dataclass(frozen=True, slots=True)
class Aim:
    """What a search optimises.

    Attributes
    ----------
    metric : str or None
        Which of several scores decides.
    objectives : ObjectivePlan or None
        Several objectives, or limits.
    compute_violations : callable
        From the folds of a complete candidate to how far it is from each limit, in parts of the bound; of shape
        (n_limits,), 0 or less where a limit is met.
    constrain : callable
        From a trial and its complete outcome to more violations by name, for the sampler and for whoever reads the
        study. The search itself does not go by them.
    """

    metric: str | None = None
    objectives: ObjectivePlan | None = None
    compute_violations: Callable[[Sequence[FoldScore]], np.ndarray] = _violate_nothing
    constrain: Callable[[optuna.Trial, Outcome], Mapping[str, float]] = _constrain_nothing

    def is_feasible(self, folds: Sequence[FoldScore]) -> bool:
        """Whether a complete candidate meets all limits."""
        return bool((self.compute_violations(folds) <= 0).all())

    @property
    def has_costs(self) -> bool:
        """Whether costs are wanted. Then candidates share no part of a fit, which would be faster and may be larger."""
        return self.objectives is not None and bool(self.objectives.cost_keys)

    def list_values(self, folds: Sequence[FoldScore]) -> list[float]:
        """Return what the study optimises: the mean score, or that of each objective; costs are positive."""
        if self.objectives is None:
            return [average_folds(folds, self.metric)]
        return [one.sign * average_folds(folds, one.key) for one in self.objectives.objectives]

    @property
    def directions(self) -> dict[str, str]:
        """The directions of several objectives, as Optuna calls them, by name; empty if there is one."""
        objectives = () if self.objectives is None else self.objectives.objectives
        return {one.name: "maximize" if one.sign > 0 else "minimize" for one in objectives if len(objectives) > 1}


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells outcomes to a study.

    Attributes
    ----------
    study : optuna.Study
    aim : Aim
    tracker : PruningTracker
    """

    study: optuna.Study
    aim: Aim
    tracker: PruningTracker

    def tell(self, trial: optuna.Trial, outcome: Outcome) -> FrozenTrial:
        """Tell an outcome; return the trial as it is in the study then."""
        self._report_scores(trial, outcome)
        if outcome.status == Status.COMPLETE:
            self._set_constraints(trial, outcome)
            return self.study.tell(trial, self.aim.list_values(outcome.folds))
        if outcome.status in (Status.FAILED, Status.PRUNED):
            # Samplers learn nothing from FAIL; PRUNED without a value counts as worst and steers them away.
            return self.study.tell(trial, state=TrialState.PRUNED)
        return self.study.tell(trial, state=TrialState.FAIL)

    def list_scores(self, outcome: Outcome) -> list[float] | None:
        """Return the mean score in each objective, by which the search may stop; None of a candidate that cannot win.

        Higher is better, of costs too.
        """
        if outcome.status != Status.COMPLETE or not self.aim.is_feasible(outcome.folds):
            return None
        objectives = () if self.aim.objectives is None else self.aim.objectives.objectives
        keys = [one.key for one in objectives] if len(objectives) > 1 else [self.aim.metric]
        return [average_folds(outcome.folds, key) for key in keys]

    def _set_constraints(self, trial: optuna.Trial, outcome: Outcome) -> None:
        limits = () if self.aim.objectives is None else self.aim.objectives.limits
        violations = self.aim.compute_violations(outcome.folds)
        named = dict(zip([limit.name for limit in limits], violations, strict=True))
        for name, violation in (named | dict(self.aim.constrain(trial, outcome))).items():
            trial.set_constraint(name, min(float(violation), MAX_VIOLATION))

    def _report_scores(self, trial: optuna.Trial, outcome: Outcome) -> None:
        """Report how far a candidate came: samplers rank pruned trials by their last step, and then by their score.

        A failed candidate, and one that was stopped before its first fold, report nothing more, which samplers rank as
        the worst. Optuna's pruners are not asked after a candidate's last step, but compare later candidates with its
        value. With several objectives nothing can be reported.
        """
        if outcome.status == Status.FAILED or len(self.study.directions) > 1:
            return
        metric = self.aim.metric
        if self.tracker.reports_values:
            reported = self.study.get_trials(deepcopy=False)[trial.number].intermediate_values
            for step, value in list_values(self.study.pruner, outcome.folds, outcome.curve, metric).items():
                if step not in reported:
                    trial.report(value, step)
            return
        for rung in outcome.curve:
            mean = average_scores(rung.test, metric)
            if isfinite(mean):  # few training rows may have been too few for the candidate
                trial.report(mean, rung.resource)
        if outcome.status == Status.PRUNED and outcome.folds and not outcome.curve:
            trial.report(average_folds(outcome.folds, metric), len(outcome.folds) - 1)
