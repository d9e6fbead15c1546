"""Pruning by one of Optuna's pruners.

Optuna is imported only inside functions, because worker processes may import this folder.
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
    """Return the values of a candidate that are reported to a pruner, by step.

    `WilcoxonPruner` compares two candidates on the same instances, so Optuna's documentation asks to report each
    instance's own score. To any other pruner, values are reported that approach the final one.

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
        For `WilcoxonPruner`: the score of each fold, or of each fold at each rung, numbered from 0. For any other
        pruner: the mean over the folds so far, by the number of the latest fold, from 0; with rungs, the mean of each
        rung, by its amount of the resource. Values after a failed fold are omitted, and so are rungs without a score.
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
    """Whether a pruner compares two candidates by pairing their values at each step."""
    from optuna.pruners import WilcoxonPruner

    from sklearn_autotune._compat.optuna import skip_patience

    return isinstance(skip_patience(pruner), WilcoxonPruner)


# Every study that a pruner reads has this name. Hyperband chooses a trial's bracket by a hash of the study's name and
# the trial's number, but the name must not change which candidates are stopped.
SNAPSHOT_NAME = "sklearn_autotune"


@dataclass(frozen=True, slots=True)
class OptunaPrunerRule:
    """Prunes by the study's own pruner."""

    @classmethod
    def accept(cls, request: PruningRequest) -> "OptunaPrunerRule | None":
        """Return the rule if the user has chosen an Optuna pruner other than `NopPruner`."""
        from optuna.pruners import BasePruner, NopPruner

        is_accepted = isinstance(request.pruner, BasePruner) and not isinstance(request.pruner, NopPruner)
        return cls() if is_accepted else None

    def start(self, study: "optuna.Study", metric: str | None) -> "OptunaPrunerTracker":
        """Return a tracker that uses the study's pruner."""
        return OptunaPrunerTracker(study, metric)


class OptunaPrunerTracker:
    """Makes states from the study's pruner and the study's trials at the time when the candidate is proposed."""

    reports_values = True
    decides_late = False

    def __init__(self, study: "optuna.Study", metric: str | None = None) -> None:
        self.study = study
        self.metric = metric

    def add_outcome(self, outcome: Outcome) -> None:
        """Do nothing, because the pruner reads the study itself."""

    def choose_subsamples(self) -> tuple[int, ...]:
        """Return no subsamples: candidates are measured on whole folds."""
        return ()

    def make_pruner_state(self, trial: "optuna.Trial") -> PrunerState:
        """Return a state with the study's pruner and its present trials."""
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
        """Return the outcome unchanged, and copy to the trial what the earlier process's pruner wrote to it.

        These are the reported values, and system attributes in which some pruners record the rungs that a trial has
        reached. A user's own pruner might decide differently if it were asked again. So a pruner is asked again only if
        the study differs from the earlier one.
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

    It reports the values that `list_values` returns. It has to stay in the search's process. It uses a copy of the
    pruner, because some pruners store what they read from the first trials, and which trials come first depends on
    timing.
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
        if progress.has_failed:  # the other folds are measured too, so that all failures can be reported
            return True
        values = list_values(self.trial.study.pruner, progress.folds, progress.curve, self.metric)
        steps = [step for step in values if step not in self.allowed_steps]
        if not steps:  # a resumed candidate that is measured again: these steps were allowed before
            return True
        for step in steps:
            self.trial.report(values[step], step)
        if self.trial.should_prune():
            return False
        self.allowed_steps.update(steps)
        return True


class _StorageSnapshot:
    """A storage with one study, which any name finds, and only the visible trials of this study.

    Some pruners create further study objects on this storage.
    """

    def __init__(self, storage: Any, study_id: int, visible: frozenset[int]) -> None:
        self._storage = storage
        self._study_id = study_id
        self._visible = visible

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def get_study_id_from_name(self, study_name: str) -> int:
        """Return the study's id for any name."""
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
