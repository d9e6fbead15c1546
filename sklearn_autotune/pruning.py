"""What a candidate must clear to go on. A bar is frozen when its candidate is asked, so timing changes nothing."""

import copy
from math import isfinite
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from sklearn_autotune.evaluation import Bar, OpenBar, Progress

__all__ = ["OptunaBar", "frozen_bar"]


def frozen_bar(study: optuna.Study, trial: optuna.Trial, metric: str | None) -> Bar:
    """Freeze what a candidate will be compared with.

    Parameters
    ----------
    study : optuna.Study
        With the trials told so far, and the pruner; Optuna's NopPruner lets every candidate run in full.
    trial : optuna.Trial
        The candidate's trial, just asked.
    metric : str or None
        Which of several scores counts.

    Returns
    -------
    bar : Bar
    """
    if isinstance(study.pruner, optuna.pruners.NopPruner):
        return OpenBar()
    return OptunaBar(study, trial, metric)


class OptunaBar:
    """One of Optuna's pruners, deciding after each step from the trials that were told when it was made.

    It reports the mean score of the folds so far, as Optuna's own examples do, and has to stay with the study. The
    pruner is a copy: some remember what they saw first, and which candidate they are shown first is a matter of timing.
    """

    travels = False

    def __init__(self, study: optuna.Study, trial: optuna.Trial, metric: str | None) -> None:
        self.trial = trial
        self.metric = metric
        told = study.get_trials(deepcopy=False)
        visible = frozenset(t.number for t in told if t.state != TrialState.RUNNING) | {trial.number}
        self.trial.study = optuna.Study(
            study_name=study.study_name,
            storage=_StorageAsOf(study._storage, visible),  # type: ignore[arg-type]
            sampler=study.sampler,
            pruner=copy.deepcopy(study.pruner),
        )

    def clears(self, progress: Progress) -> bool:
        """Whether the pruner lets the candidate go on."""
        scores = [guiding_score(fold.test, self.metric) for fold in progress.folds]
        mean = sum(scores) / len(scores)
        if not isfinite(mean):
            return True  # a failed fold: let the rest be measured, so that the report of failures is complete
        self.trial.report(mean, progress.step)
        return not self.trial.should_prune()


class _StorageAsOf:
    """A storage in which only some trials can be seen: pruners make studies of their own on it."""

    def __init__(self, storage: Any, visible: frozenset[int]) -> None:
        self._storage = storage
        self._visible = visible

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def get_all_trials(self, study_id: int, deepcopy: bool = True, states: Any = None) -> list[FrozenTrial]:
        """Return the trials that can be seen."""
        trials = self._storage.get_all_trials(study_id, deepcopy=deepcopy, states=states)
        return [trial for trial in trials if trial.number in self._visible]

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """Return the best of the trials that can be seen."""
        complete = self.get_all_trials(study_id, deepcopy=False, states=(TrialState.COMPLETE,))
        if not complete:
            raise ValueError("No trials are completed yet.")
        return max(complete, key=lambda trial: trial.values[0])


def guiding_score(score: Any, metric: str | None) -> float:
    """Return the score that guides the search: the named one of several, else the first."""
    if not isinstance(score, dict):
        return float(score)
    return float(score[metric] if metric in score else next(iter(score.values())))
