"""How candidates of a selection are pruned: by fold racing, with tolerance for what may enter the blend."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import optuna

from sklearn_autotune.evaluation import Outcome, PrunerState
from sklearn_autotune.pruning._bars import FoldRacingRule
from sklearn_autotune.pruning._fold_racing import FoldRacing
from sklearn_autotune.search._refit_rules import BestMean

__all__ = ["SelectionPruningRule"]

# The first candidate of a family is measured in full up to this distance from the best, as a share of the best score.
FIRST_TOLERANCE = 0.25


@dataclass(frozen=True, slots=True)
class NearBestTolerance(BestMean):
    """Keeps candidates near the best from being pruned, since they may enter the blend.

    Parameters
    ----------
    share : float
        Tolerated distance from the best score, as a share of that score.
    """

    share: float = 0.1

    def compute_tolerance(self, best: np.ndarray) -> float:
        """Return the tolerated distance from the best score."""
        return self.share * abs(float(best.mean()))


class SelectionPruningRule:
    """Prunes by fold racing, with more tolerance for the first candidate of each family.

    Models of different kinds err on different rows, so the second best family often helps a blend more than the second
    best candidate of the best one.

    Parameters
    ----------
    racing : FoldRacing
    get_family : callable
        Returns the name of a trial's family.
    """

    reports_values = False

    def __init__(self, racing: FoldRacing, get_family: Callable[[optuna.Trial], str]) -> None:
        self.get_family = get_family
        self.first_candidate_rule = FoldRacingRule(
            racing, tolerance=NearBestTolerance(share=FIRST_TOLERANCE).compute_tolerance
        )
        self.other_candidate_rule = FoldRacingRule(racing, tolerance=NearBestTolerance().compute_tolerance)
        self.seen_families: set[str] = set()

    def add_outcome(self, outcome: Outcome) -> None:
        """Take the scores of a complete candidate into account."""
        self.first_candidate_rule.add_outcome(outcome)
        self.other_candidate_rule.add_outcome(outcome)

    def take_snapshot(self, trial: optuna.Trial) -> PrunerState:
        """Return the state that decides about this candidate, from the complete candidates so far."""
        family = self.get_family(trial)
        is_first = family not in self.seen_families
        self.seen_families.add(family)
        return (self.first_candidate_rule if is_first else self.other_candidate_rule).take_snapshot(trial)
