"""What a candidate must clear to go on. A bar is frozen when its candidate is asked, so timing changes nothing."""

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
    """Makes the bars of a search, from the outcomes told so far.

    ``report`` says whether they report intermediate values to the study themselves.
    """

    report: bool

    def note(self, outcome: Outcome) -> None:
        """Learn from an outcome that has been told."""
        ...

    def take_snapshot(self, trial: optuna.Trial) -> PrunerState:
        """Freeze what a candidate, just asked, will be compared with."""
        ...


class NoPruningRule:
    """Lets every candidate run in full."""

    report = False

    def note(self, outcome: Outcome) -> None:
        """There is nothing to learn."""

    def take_snapshot(self, trial: optuna.Trial) -> PrunerState:
        """Return a bar that every candidate clears."""
        return NoPruningState()


class FoldRacingRule:
    """Lets folds race: `FoldRacing` applied to the complete candidates.

    Parameters
    ----------
    racing : FoldRacing
    metric : str or None
        Which of several scores guides the search.
    tolerance : callable or None
        From the fold scores of the best candidate to how far below its mean one may end and still be wanted: rules that
        choose among candidates close to the best need these complete.
    """

    report = False

    def __init__(self, racing: FoldRacing, metric: str | None = None, tolerance: Tolerance | None = None) -> None:
        self.racing = racing
        self.metric = metric
        self.tolerance = tolerance
        self.scores: list[list[float]] = []
        self.bar: PrunerState | None = None

    def note(self, outcome: Outcome) -> None:
        """Take the scores of a complete candidate into account from now on."""
        if outcome.status == "complete":
            self.scores.append(self.fold_scores(outcome))
            self.bar = None

    def fold_scores(self, outcome: Outcome) -> list[float]:
        """Return what the folds of a complete candidate are compared by."""
        return [select_score(fold.test, self.metric) for fold in outcome.folds]

    def take_snapshot(self, trial: optuna.Trial) -> PrunerState:
        """Return the bar that the complete candidates set."""
        if not self.scores:
            return NoPruningState()
        if self.bar is None:
            scores = np.array(self.scores)
            best = scores[scores.mean(axis=1).argmax()]
            tolerance = 0.0 if self.tolerance is None else self.tolerance(best)
            self.bar = self.racing.bar(scores, metric=self.metric, tolerance=tolerance)
        return self.bar


class HalvingRule:
    """Lets the best share on each rung climb on."""

    report = False

    def __init__(self, factor: float, metric: str | None = None) -> None:
        self.rungs = HalvingScores(factor, metric)

    def note(self, outcome: Outcome) -> None:
        """Take the rungs that a candidate has reached into account from now on."""
        self.rungs.note(outcome.curve)

    def take_snapshot(self, trial: optuna.Trial) -> PrunerState:
        """Return what those who reached each rung so far make of it."""
        return self.rungs.bar()


class BoosterRacingRule(FoldRacingRule):
    """Lets folds race where each is judged by the best it came to.

    So are the complete candidates, though their scores are those of one number of rounds for all folds.

    Parameters
    ----------
    racing : FoldRacing
    metric : str or None
    is_exempt : callable or None
        Says of a candidate's parameters whether it is to run in full.
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
        """Return the bar that the complete candidates set, unless this one is to run in full."""
        is_exempt = self.is_exempt is not None and self.is_exempt(trial.params)
        return NoPruningState() if is_exempt else super().take_snapshot(trial)

    def fold_scores(self, outcome: Outcome) -> list[float]:
        """Return the best score of each fold of a complete candidate."""
        curve = [[select_score(score, self.metric) for score in rung.test] for rung in outcome.curve]
        return np.max(curve, axis=0).tolist()


class OptunaPrunerRule:
    """Lets one of Optuna's pruners decide."""

    report = True

    def __init__(self, study: optuna.Study, metric: str | None = None) -> None:
        self.study = study
        self.metric = metric

    def note(self, outcome: Outcome) -> None:
        """The pruner reads the study itself."""

    def take_snapshot(self, trial: optuna.Trial) -> PrunerState:
        """Return the pruner's bar, with what the study knows now."""
        return OptunaPrunerState(self.study, trial, self.metric)


class OptunaPrunerState:
    """One of Optuna's pruners, deciding after each step from the trials that were told when it was made.

    It reports the mean score of the folds so far, as Optuna's own examples do, or of all folds at each rung, and has to
    stay with the study. The pruner is a copy: some remember what they saw first, and which candidate they are shown
    first is a matter of timing.
    """

    is_picklable = False

    def __init__(self, study: optuna.Study, trial: optuna.Trial, metric: str | None) -> None:
        self.trial = trial
        self.metric = metric
        told = study.get_trials(deepcopy=False)
        visible = frozenset(t.number for t in told if t.state != TrialState.RUNNING) | {trial.number}
        self.trial.study = optuna.Study(
            study_name=study.study_name,
            storage=_StorageAsOf(get_storage(study), visible),  # type: ignore[arg-type]
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
