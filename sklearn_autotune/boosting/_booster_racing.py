"""Fold racing for boosters: the score of a fold is the best one on its boosting curve."""

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
    """Prunes by `FoldRacing`, with the best score on each fold's boosting curve.

    Complete candidates are compared by these scores too, although their final scores belong to one number of rounds for
    all folds.

    Parameters
    ----------
    racing : FoldRacing
    is_exempt : callable or None, default=None
        Takes a candidate's parameters, and returns whether it is measured in full without pruning.
    """

    racing: FoldRacing
    is_exempt: Callable[[Mapping[str, Any]], bool] | None = None

    def start(self, study: optuna.Study, metric: str | None) -> PruningTracker:
        """Return a tracker without any outcome yet."""
        tracker = FoldRacingTracker(self.racing, metric, select_scores=select_best_scores, decides_late=False)
        return tracker if self.is_exempt is None else _ExemptingTracker(tracker, self.is_exempt)


def select_best_scores(outcome: Outcome, metric: str | None) -> list[float]:
    """Return, for each fold of a complete candidate, the best score on its curve."""
    curve = [[select_score(score, metric) for score in rung.test] for rung in outcome.curve]
    return np.max(curve, axis=0).tolist()


class _ExemptingTracker:
    """Wraps a tracker, and exempts some candidates from pruning."""

    def __init__(self, tracker: PruningTracker, is_exempt: Callable[[Mapping[str, Any]], bool]) -> None:
        self.tracker = tracker
        self.is_exempt = is_exempt

    @property
    def reports_values(self) -> bool:
        """Whether the states of the wrapped tracker report intermediate values themselves."""
        return self.tracker.reports_values

    @property
    def decides_late(self) -> bool:
        """Whether the states of the wrapped tracker may be made late."""
        return self.tracker.decides_late

    def add_outcome(self, outcome: Outcome) -> None:
        """Pass an outcome on to the wrapped tracker."""
        self.tracker.add_outcome(outcome)

    def choose_subsamples(self) -> tuple[int, ...]:
        """Return the subsamples that the wrapped tracker chooses."""
        return self.tracker.choose_subsamples()

    def make_pruner_state(self, trial: optuna.Trial) -> PrunerState:
        """Return the state of the wrapped tracker, or one that never prunes if this candidate is exempt."""
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
        """Return the outcome that the wrapped tracker returns."""
        return self.tracker.replay(trial, stored, outcome, state, is_anew=is_anew)
