"""Pruning rules, which make the pruner state of each candidate from the outcomes told before the candidate was asked.

A pruner state does not change afterwards, so timing has no influence on which candidates are pruned.
"""

import copy
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Protocol

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from sklearn_autotune._compat.optuna import get_storage
from sklearn_autotune.evaluation import NoPruningState, Outcome, Progress, PrunerState, average_scores, select_score
from sklearn_autotune.pruning._fold_racing import FoldRacing
from sklearn_autotune.pruning._halving import HalvingScores

__all__ = [
    "BoosterRacingRule",
    "FoldRacingRule",
    "HalvingRule",
    "NoPruningRule",
    "OptunaPrunerRule",
    "OptunaPrunerState",
    "PruningRule",
    "Tolerance",
]


Tolerance = Callable[[np.ndarray], float]


class PruningRule(Protocol):
    """Makes the pruner states of a search from the outcomes told so far.

    ``reports_values`` says whether these states report intermediate values to the study themselves.
    """

    reports_values: bool

    def add_outcome(self, outcome: Outcome) -> None:
        """Take into account an outcome that has been told to the study."""
        ...

    def take_snapshot(self, trial: optuna.Trial) -> PrunerState:
        """Return the pruner state for a candidate that has just been asked."""
        ...


class NoPruningRule:
    """Lets every candidate run in full."""

    reports_values = False

    def add_outcome(self, outcome: Outcome) -> None:
        """Do nothing."""

    def take_snapshot(self, trial: optuna.Trial) -> PrunerState:
        """Return a state that lets every candidate go on."""
        return NoPruningState()


class FoldRacingRule:
    """Prunes by `FoldRacing`, which compares a candidate with the complete candidates.

    Parameters
    ----------
    racing : FoldRacing
    metric : str or None
        Which of several scores guides the search.
    tolerance : callable or None
        From the fold scores of the best candidate to how far below its mean one may end and still be wanted: rules that
        choose among candidates close to the best need these complete.
    """

    reports_values = False

    def __init__(self, racing: FoldRacing, metric: str | None = None, tolerance: Tolerance | None = None) -> None:
        self.racing = racing
        self.metric = metric
        self.tolerance = tolerance
        self.scores: list[list[float]] = []
        self.state: PrunerState | None = None

    def add_outcome(self, outcome: Outcome) -> None:
        """Take into account the scores of a complete candidate."""
        if outcome.status == "complete":
            self.scores.append(self.get_fold_scores(outcome))
            self.state = None

    def get_fold_scores(self, outcome: Outcome) -> list[float]:
        """Return the fold scores of a complete candidate that others are compared with."""
        return [select_score(fold.test, self.metric) for fold in outcome.folds]

    def take_snapshot(self, trial: optuna.Trial) -> PrunerState:
        """Return the state that the complete candidates give."""
        if not self.scores:
            return NoPruningState()
        if self.state is None:
            scores = np.array(self.scores)
            best = scores[scores.mean(axis=1).argmax()]
            tolerance = 0.0 if self.tolerance is None else self.tolerance(best)
            self.state = self.racing.make_state(scores, metric=self.metric, tolerance=tolerance)
        return self.state


class HalvingRule:
    """Prunes by successive halving: at each rung only the best share of the candidates goes on."""

    reports_values = False

    def __init__(self, factor: float, metric: str | None = None) -> None:
        self.rungs = HalvingScores(factor, metric)

    def add_outcome(self, outcome: Outcome) -> None:
        """Take into account the rungs that a candidate has reached."""
        self.rungs.add_curve(outcome.curve)

    def take_snapshot(self, trial: optuna.Trial) -> PrunerState:
        """Return the state that the candidates at each rung so far give."""
        return self.rungs.make_state()


class BoosterRacingRule(FoldRacingRule):
    """Prunes by `FoldRacing` where a fold's score is the best one on its boosting curve.

    Complete candidates are compared by the same scores, though their final scores are those of one number of rounds for
    all folds.

    Parameters
    ----------
    racing : FoldRacing
    metric : str or None
    is_exempt : callable or None
        From a candidate's parameters to whether it runs in full.
    """

    def __init__(
        self,
        racing: FoldRacing,
        metric: str | None = None,
        is_exempt: Callable[[Mapping[str, Any]], bool] | None = None,
    ) -> None:
        super().__init__(racing, metric)
        self.is_exempt = is_exempt

    def take_snapshot(self, trial: optuna.Trial) -> PrunerState:
        """Return the state that the complete candidates give, unless this candidate runs in full."""
        is_exempt = self.is_exempt is not None and self.is_exempt(trial.params)
        return NoPruningState() if is_exempt else super().take_snapshot(trial)

    def get_fold_scores(self, outcome: Outcome) -> list[float]:
        """Return the best score of each fold of a complete candidate."""
        curve = [[select_score(score, self.metric) for score in rung.test] for rung in outcome.curve]
        return np.max(curve, axis=0).tolist()


class OptunaPrunerRule:
    """Prunes by one of Optuna's pruners."""

    reports_values = True

    def __init__(self, study: optuna.Study, metric: str | None = None) -> None:
        self.study = study
        self.metric = metric

    def add_outcome(self, outcome: Outcome) -> None:
        """Do nothing: the pruner reads the study itself."""

    def take_snapshot(self, trial: optuna.Trial) -> PrunerState:
        """Return a state with the pruner, and the trials that the study holds now."""
        return OptunaPrunerState(self.study, trial, self.metric)


class OptunaPrunerState:
    """Decides by one of Optuna's pruners, from the trials that had been told when the state was made.

    It reports the mean score of the folds so far, as Optuna's own examples do, or of all folds at each rung. It has to
    stay with the study. The pruner is a copy, because some pruners remember the first trials they see, and which trial
    they see first depends on timing.
    """

    is_picklable = False

    def __init__(self, study: optuna.Study, trial: optuna.Trial, metric: str | None) -> None:
        self.trial = trial
        self.metric = metric
        trials = study.get_trials(deepcopy=False)
        visible = frozenset(t.number for t in trials if t.state != TrialState.RUNNING) | {trial.number}
        self.trial.study = optuna.Study(
            study_name=study.study_name,
            storage=_StorageSnapshot(get_storage(study), visible),  # type: ignore[arg-type]
            sampler=study.sampler,
            pruner=copy.deepcopy(study.pruner),
        )

    def allows(self, progress: Progress) -> bool:
        """Whether the pruner lets the candidate go on."""
        mean = average_scores((fold.test for fold in progress.folds), self.metric)
        if not isfinite(mean):
            return True  # a failed fold: let the rest be measured, so that the report of failures is complete
        self.trial.report(mean, progress.curve[-1].resource if progress.curve else progress.step)
        return not self.trial.should_prune()


class _StorageSnapshot:
    """A storage that shows only some of its trials; pruners may make studies of their own on it."""

    def __init__(self, storage: Any, visible: frozenset[int]) -> None:
        self._storage = storage
        self._visible = visible

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def get_all_trials(self, study_id: int, deepcopy: bool = True, states: Any = None) -> list[FrozenTrial]:
        """Return the visible trials."""
        trials = self._storage.get_all_trials(study_id, deepcopy=deepcopy, states=states)
        return [trial for trial in trials if trial.number in self._visible]

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """Return the best of the visible trials."""
        complete = self.get_all_trials(study_id, deepcopy=False, states=(TrialState.COMPLETE,))
        if not complete:
            raise ValueError("No trials are completed yet.")
        return max(complete, key=lambda trial: trial.values[0])
