"""What a pruning rule is, and what the choice of one depends on.

Nothing in this folder imports Optuna when it is imported: pruner states are sent to worker processes, which import the
module of a state, and with it this folder.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from sklearn_autotune.evaluation import Outcome, PrunerState

if TYPE_CHECKING:
    import optuna

__all__ = ["PruningRequest", "PruningRule", "PruningTracker", "Tolerance"]

# Up to this many candidates pruner="auto" stops none: it would save little, and users expect every score.
MAX_TRIALS_WITHOUT_PRUNING = 20

Tolerance = Callable[[np.ndarray], float]


class PruningTracker(Protocol):
    """Makes the pruner states of one search from the outcomes told so far.

    A pruner state does not change afterwards, so timing has no influence on which candidates are pruned.
    """

    @property
    def reports_values(self) -> bool:
        """Whether the states report intermediate values to the study themselves."""
        ...

    def add_outcome(self, outcome: Outcome) -> None:
        """Take into account an outcome that has been told to the study."""
        ...

    def make_pruner_state(self, trial: "optuna.Trial") -> PrunerState:
        """Return the pruner state for a candidate that has just been asked."""
        ...


class PruningRule(Protocol):
    """Describes when the candidates of a search are stopped; it has no state, so several searches may share it."""

    def start(self, study: "optuna.Study", metric: str | None) -> PruningTracker:
        """Return what prunes the candidates of a study.

        Parameters
        ----------
        study : optuna.Study
        metric : str or None
            Which of several scores guides the search.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PruningRequest:
    """What the choice of a pruning rule depends on.

    Attributes
    ----------
    pruner : object
        What the user passed as ``pruner``.
    resource : str or None
        What increases from rung to rung; None if each step is a whole fold.
    factor : float
        The ratio of the amounts at two successive rungs.
    n_trials : int
    is_full_grid : bool
        Whether the space is finite and is searched in full.
    one_score_decides : bool
        Whether it is known which score decides; it is not if ``refit`` is a callable.
    tolerance : callable or None
        From the fold scores of the best candidate to how far below its mean one may end and still be chosen. None if
        the best mean is always chosen.
    """

    pruner: object
    resource: str | None
    factor: float
    n_trials: int
    is_full_grid: bool
    one_score_decides: bool
    tolerance: Tolerance | None

    @property
    def wants_every_score(self) -> bool:
        """Whether a user of scikit-learn's searches expects every candidate's score.

        So it is in a small search, in a finite space that is searched in full, and if only a callable ``refit`` knows
        which score decides.
        """
        is_small = self.n_trials <= MAX_TRIALS_WITHOUT_PRUNING
        return is_small or self.is_full_grid or not self.one_score_decides
