"""What a pruning rule is, and what the choice of one depends on.

Nothing in this folder imports Optuna when it is imported: pruner states are sent to worker processes, which import the
module of a state, and with it this folder.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from sklearn_autotune.evaluation import Outcome, Progress, PrunerState
from sklearn_autotune.evaluation._status import Status

if TYPE_CHECKING:
    import optuna

__all__ = [
    "PruningRequest",
    "PruningRule",
    "PruningTracker",
    "Tolerance",
    "replay_folds",
    "replay_rungs",
]

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

    def replay(
        self,
        trial: "optuna.Trial",
        stored: "optuna.trial.FrozenTrial",
        outcome: Outcome,
        state: PrunerState,
        *,
        is_anew: bool,
    ) -> Outcome | None:
        """Return how a candidate ends that an earlier process has measured, and leave its trial as measuring would.

        Parameters
        ----------
        trial : optuna.Trial
            Asked again, and not told yet.
        stored : optuna.trial.FrozenTrial
            As the earlier process stored it.
        outcome : Outcome
            What the earlier process measured.
        state : PrunerState
            What `make_pruner_state` returned for ``trial``.
        is_anew : bool
            Whether the study differs from the one in which the candidate was measured, so that the earlier decisions of
            a pruner need not be those of now.

        Returns
        -------
        outcome : Outcome or None
            The given one, or a part of it if this rule stops the candidate sooner than the earlier rule did; None if it
            does not stop the candidate where the earlier rule did, so that the candidate has to be measured.
        """
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


def replay_folds(outcome: Outcome, state: PrunerState) -> Outcome | None:
    """Return how a candidate that was measured fold by fold ends with a pruner state, as `PruningTracker.replay` does.

    A candidate that was measured on all folds at once is returned as it is: its folds say nothing of earlier steps.
    """
    if outcome.curve:
        return outcome
    folds = outcome.folds
    n_kept = _count_steps(outcome, state, [Progress(n - 1, n + 1, folds[:n]) for n in range(1, len(folds) + 1)])
    if n_kept is None or n_kept == len(folds):
        return None if n_kept is None else outcome
    return Outcome(Status.PRUNED, folds[:n_kept])


def replay_rungs(outcome: Outcome, state: PrunerState) -> Outcome | None:
    """Return how a candidate that was measured rung by rung ends with a pruner state, as `PruningTracker.replay` does.

    The seconds of its folds are those that were spent.
    """
    curve = outcome.curve
    folds = [
        tuple(replace(fold, test=test, train=None) for fold, test in zip(outcome.folds, rung.test, strict=True))
        for rung in curve
    ]
    n_kept = _count_steps(
        outcome, state, [Progress(n - 1, n + 1, folds[n - 1], curve[:n]) for n in range(1, len(curve) + 1)]
    )
    if n_kept is None or n_kept == len(curve):
        return None if n_kept is None else outcome
    return Outcome(Status.PRUNED, folds[n_kept - 1], None, curve[:n_kept])


def _count_steps(outcome: Outcome, state: PrunerState, steps: Sequence[Progress]) -> int | None:
    """Return how many of the measured steps a candidate takes; None if it takes more than were measured."""
    was_pruned = outcome.status == Status.PRUNED
    for progress in steps if was_pruned else steps[:-1]:  # nobody is stopped after the last step
        if not state.allows(progress):
            return progress.step + 1
    return None if was_pruned else len(steps)
