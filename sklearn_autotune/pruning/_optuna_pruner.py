"""Pruning by one of Optuna's pruners.

Optuna is imported only where it is used: whatever is in this folder may be imported by worker processes.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from math import isfinite
from typing import TYPE_CHECKING, Any

from sklearn_autotune.evaluation import (
    FoldScore,
    Outcome,
    Progress,
    PrunerState,
    Rung,
    average_folds,
    average_scores,
    select_score,
)
from sklearn_autotune.pruning._base import PruningRequest, replay_folds, replay_rungs

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

__all__ = ["OptunaPrunerRule", "OptunaPrunerState", "OptunaPrunerTracker", "list_values"]


def list_values(
    pruner: "optuna.pruners.BasePruner", folds: Sequence[FoldScore], curve: Sequence[Rung], metric: str | None
) -> dict[int, float]:
    """Return what a pruner is told of a candidate, by step.

    Optuna's documentation asks for each instance's own score with `WilcoxonPruner`, which compares two candidates on
    the same instances, and for values that approach the final one with any other pruner.

    Parameters
    ----------
    pruner : optuna.pruners.BasePruner
    folds : sequence of FoldScore
        The finished folds, in order.
    curve : sequence of Rung
        The finished rungs; empty if each step was a whole fold.
    metric : str or None
        Which of several scores guides the search.

    Returns
    -------
    values : dict of int to float
        For `WilcoxonPruner` the score of each fold, of all rungs, numbered from 0. For any other pruner the mean of the
        folds so far, by the number of the fold, from 0; or the mean of each rung, by its amount of the resource. What
        comes after a failed fold is left out, and so is a rung without a score.
    """
    if _compares_instances(pruner):
        measured = [score for rung in curve for score in rung.test] or [fold.test for fold in folds]
        values = list(enumerate(select_score(score, metric) for score in measured))
    elif curve:
        values = [(rung.resource, average_scores(rung.test, metric)) for rung in curve]
    else:
        values = [(number, average_folds(folds[: number + 1], metric)) for number in range(len(folds))]
    if curve:
        return {step: value for step, value in values if isfinite(value)}
    return dict(takewhile(lambda step_and_value: isfinite(step_and_value[1]), values))


def _compares_instances(pruner: "optuna.pruners.BasePruner") -> bool:
    """Whether a pruner pairs the values of two candidates, step by step."""
    from optuna.pruners import WilcoxonPruner

    from sklearn_autotune._compat.optuna import skip_patience

    return isinstance(skip_patience(pruner), WilcoxonPruner)


# The name of every study that a pruner sees. Hyperband chooses a trial's bracket by a hash of the study's name and the
# trial's number; which candidates are stopped must not depend on what the study is called.
SNAPSHOT_NAME = "sklearn_autotune"


@dataclass(frozen=True, slots=True)
class OptunaPrunerRule:
    """Prunes by the pruner that the study has."""

    @classmethod
    def accept(cls, request: PruningRequest) -> "OptunaPrunerRule | None":
        """Return the rule if the user has chosen a pruner of Optuna's that can stop a candidate."""
        from optuna.pruners import BasePruner, NopPruner

        is_accepted = isinstance(request.pruner, BasePruner) and not isinstance(request.pruner, NopPruner)
        return cls() if is_accepted else None

    def start(self, study: "optuna.Study", metric: str | None) -> "OptunaPrunerTracker":
        """Return a tracker that asks the study's pruner."""
        return OptunaPrunerTracker(study, metric)


class OptunaPrunerTracker:
    """Makes states with the study's pruner, and the trials that the study holds when the candidate is asked."""

    reports_values = True

    def __init__(self, study: "optuna.Study", metric: str | None = None) -> None:
        self.study = study
        self.metric = metric

    def add_outcome(self, outcome: Outcome) -> None:
        """Do nothing: the pruner reads the study itself."""

    def make_pruner_state(self, trial: "optuna.Trial") -> PrunerState:
        """Return a state with the pruner, and the trials that the study holds now."""
        return OptunaPrunerState(self.study, trial, self.metric)

    def replay(
        self,
        trial: "optuna.Trial",
        stored: "FrozenTrial",
        outcome: Outcome,
        state: PrunerState,
        *,
        is_anew: bool,
    ) -> Outcome | None:
        """Return the outcome as it is, and leave on the trial what reporting to the pruner has left there.

        That is what was reported, and attributes by which some pruners remember who has reached which rung. A pruner of
        the user's own might decide otherwise if it were asked again; so any is asked only if the study differs.
        """
        from sklearn_autotune._compat.optuna import set_system_attributes

        reported = stored.intermediate_values
        values = list_values(self.study.pruner, outcome.folds, outcome.curve, self.metric)
        if is_anew and reported.keys() <= values.keys():
            return replay_rungs(outcome, state) if outcome.curve else replay_folds(outcome, state)
        for step, value in sorted(reported.items()):
            trial.report(value, step)
        set_system_attributes(trial, stored.system_attrs)
        return outcome


class OptunaPrunerState:
    """Decides by one of Optuna's pruners, from the trials that had been told when the state was made.

    It reports what `list_values` says. It has to stay with the study. The pruner is a copy, because some pruners
    remember the first trials they see, and which trial they see first depends on timing.
    """

    is_picklable = False

    def __init__(self, study: "optuna.Study", trial: "optuna.Trial", metric: str | None) -> None:
        import optuna

        from sklearn_autotune._compat.optuna import get_storage, get_study_id

        self.trial = trial
        self.metric = metric
        self.allowed_steps: set[int] = set()
        trials = study.get_trials(deepcopy=False)
        visible = frozenset(t.number for t in trials if t.state != optuna.trial.TrialState.RUNNING) | {trial.number}
        self.trial.study = optuna.Study(
            study_name=SNAPSHOT_NAME,
            storage=_StorageSnapshot(  # type: ignore[arg-type]  # it has BaseStorage's methods
                get_storage(study), get_study_id(study), visible
            ),
            sampler=study.sampler,
            pruner=copy.deepcopy(study.pruner),
        )

    def allows(self, progress: Progress) -> bool:
        """Whether the pruner lets the candidate go on."""
        if progress.has_failed:  # let the rest be measured, so that the report of failures is complete
            return True
        values = list_values(self.trial.study.pruner, progress.folds, progress.curve, self.metric)
        steps = [step for step in values if step not in self.allowed_steps]
        if not steps:  # measured again, because the earlier process measured no further
            return True
        for step in steps:
            self.trial.report(values[step], step)
        if self.trial.should_prune():
            return False
        self.allowed_steps.update(steps)
        return True


class _StorageSnapshot:
    """Shows one study of a storage, by any name, and some of its trials.

    Pruners may make studies of their own on it.
    """

    def __init__(self, storage: Any, study_id: int, visible: frozenset[int]) -> None:
        self._storage = storage
        self._study_id = study_id
        self._visible = visible

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def get_study_id_from_name(self, study_name: str) -> int:
        """Return the study's id, whatever name is asked for."""
        return self._study_id

    def get_all_trials(self, study_id: int, deepcopy: bool = True, states: Any = None) -> "list[FrozenTrial]":
        """Return the visible trials."""
        trials = self._storage.get_all_trials(study_id, deepcopy=deepcopy, states=states)
        return [trial for trial in trials if trial.number in self._visible]

    def get_best_trial(self, study_id: int) -> "FrozenTrial":
        """Return the best of the visible trials."""
        from optuna.trial import TrialState

        complete = self.get_all_trials(study_id, deepcopy=False, states=(TrialState.COMPLETE,))
        if not complete:
            raise ValueError("No trials are completed yet.")
        return max(complete, key=lambda trial: trial.values[0])
