"""The pruning rule of AutoModelSelector: fold racing that keeps what may enter the blend."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import optuna

from sklearn_autotune.evaluation import Outcome, PrunerState
from sklearn_autotune.pruning import FoldRacing, FoldRacingRule, NoPruningTracker, PruningTracker

__all__ = ["SelectionPruningRule"]

# How far from the best score a candidate may end without being pruned, as a share of that score: the first candidate of
# each family, and the others.
FIRST_TOLERANCE = 0.25
OTHER_TOLERANCE = 0.1

# Up to this number of rows, the first candidate of each family is never pruned. Its fits are cheap, and the noise of
# one fold is large: on 300 rows with six of a rare class, the family that was best on new rows was pruned.
FEW_ROWS = 3000


@dataclass(frozen=True, slots=True)
class SelectionPruningRule:
    """Prunes by fold racing, with more tolerance for the first candidate of each family, or never that one.

    Models of different kinds err on different rows, so the second best family often helps a blend more than the second
    best candidate of the best one.

    Parameters
    ----------
    racing : FoldRacing
    get_family : callable
        Returns the name of a trial's family.
    n_rows : int
        The number of rows that candidates are measured on. If there are few, the first candidates are never pruned.
    """

    racing: FoldRacing
    get_family: Callable[[optuna.Trial], str]
    n_rows: int

    def start(self, study: optuna.Study, metric: str | None) -> "SelectionPruningTracker":
        """Return a tracker that knows of no candidate yet."""
        first: PruningTracker = NoPruningTracker()
        if self.n_rows > FEW_ROWS:
            first = FoldRacingRule(self.racing, NearBestTolerance(FIRST_TOLERANCE)).start(study, metric)
        other = FoldRacingRule(self.racing, NearBestTolerance(OTHER_TOLERANCE)).start(study, metric)
        return SelectionPruningTracker(first, other, self.get_family)


@dataclass(slots=True)
class SelectionPruningTracker:
    """Makes the states by one tracker for the first candidate of each family, and by another for all others."""

    first_candidates: PruningTracker
    other_candidates: PruningTracker
    get_family: Callable[[optuna.Trial], str]
    seen_families: set[str] = field(default_factory=set, init=False)
    decides_late: ClassVar[bool] = False

    @property
    def reports_values(self) -> bool:
        """Whether the states report intermediate values to the study themselves."""
        return self.first_candidates.reports_values

    def add_outcome(self, outcome: Outcome) -> None:
        """Take the scores of a complete candidate into account."""
        self.first_candidates.add_outcome(outcome)
        self.other_candidates.add_outcome(outcome)

    def choose_subsamples(self) -> tuple[int, ...]:
        """Return no subsamples: candidates are measured on whole folds."""
        return ()

    def make_pruner_state(self, trial: optuna.Trial) -> PrunerState:
        """Return the state that decides about this candidate, from the complete candidates so far."""
        family = self.get_family(trial)
        is_first = family not in self.seen_families
        self.seen_families.add(family)
        return (self.first_candidates if is_first else self.other_candidates).make_pruner_state(trial)

    def replay(
        self,
        trial: optuna.Trial,
        stored: optuna.trial.FrozenTrial,
        outcome: Outcome,
        state: PrunerState,
        *,
        is_anew: bool,
    ) -> Outcome | None:
        """Return the outcome as far as the candidate comes with this state."""
        return self.other_candidates.replay(trial, stored, outcome, state, is_anew=is_anew)


@dataclass(frozen=True, slots=True)
class NearBestTolerance:
    """Computes how far below the best candidate one may end and still enter the blend.

    Parameters
    ----------
    share : float
        Tolerated distance from the best score, as a share of that score.
    """

    share: float

    def __call__(self, best: np.ndarray) -> float:
        """Return the tolerated distance from the mean of the best candidate's fold scores."""
        return self.share * abs(float(best.mean()))
