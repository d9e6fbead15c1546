"""Fold racing where a fold's score is the best one on its boosting curve."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna

from sklearn_autotune.evaluation import NoPruningState, Outcome, PrunerState, select_score
from sklearn_autotune.pruning import FoldRacing, FoldRacingTracker, PruningTracker

__all__ = ["BoosterRacingRule", "select_best_scores"]


@dataclass(frozen=True, slots=True)
class BoosterRacingRule:
    """Prunes by `FoldRacing`, by the best score on each fold's boosting curve.

    Complete candidates are compared by the same scores, though their final scores are those of one number of rounds for
    all folds.

    Parameters
    ----------
    racing : FoldRacing
    is_exempt : callable or None, default=None
        From a candidate's parameters to whether it runs in full.
    """

    racing: FoldRacing
    is_exempt: Callable[[Mapping[str, Any]], bool] | None = None

    def start(self, study: optuna.Study, metric: str | None) -> PruningTracker:
        """Return a tracker that knows of no candidate yet."""
        tracker = FoldRacingTracker(self.racing, metric, select_scores=select_best_scores)
        return tracker if self.is_exempt is None else _ExemptingTracker(tracker, self.is_exempt)


def select_best_scores(outcome: Outcome, metric: str | None) -> list[float]:
    """Return the best score of each fold on the curve of a complete candidate."""
    curve = [[select_score(score, metric) for score in rung.test] for rung in outcome.curve]
    return np.max(curve, axis=0).tolist()


class _ExemptingTracker:
    """Lets some candidates run in full; the others have the state of another tracker."""

    def __init__(self, tracker: PruningTracker, is_exempt: Callable[[Mapping[str, Any]], bool]) -> None:
        self.tracker = tracker
        self.is_exempt = is_exempt

    @property
    def reports_values(self) -> bool:
        """Whether the other tracker's states report intermediate values themselves."""
        return self.tracker.reports_values

    def add_outcome(self, outcome: Outcome) -> None:
        """Pass an outcome on to the other tracker."""
        self.tracker.add_outcome(outcome)

    def make_pruner_state(self, trial: optuna.Trial) -> PrunerState:
        """Return the state of the other tracker, unless this candidate runs in full."""
        return NoPruningState() if self.is_exempt(trial.params) else self.tracker.make_pruner_state(trial)

    def replay(
        self,
        trial: optuna.Trial,
        stored: optuna.trial.FrozenTrial,
        outcome: Outcome,
        state: PrunerState,
        *,
        is_anew: bool,
    ) -> Outcome | None:
        """Return the outcome that the other tracker returns."""
        return self.tracker.replay(trial, stored, outcome, state, is_anew=is_anew)
