"""The methods that every pruning rule has, and the request by which a rule is chosen.

Importing this folder does not import Optuna. Pruner states are sent to worker processes, which have to import this
folder to use them, and importing Optuna would take long.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from sklearn_autotune.evaluation import FoldScore, Outcome, Progress, PrunerState
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.objectives._plan import ObjectivePlan

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

# With at most this many candidates, pruner="auto" stops none: it would save little, and users expect every score.
MAX_TRIALS_WITHOUT_PRUNING = 20

Tolerance = Callable[[np.ndarray], float]


class PruningTracker(Protocol):
    """Makes the pruner states of one search from the outcomes told so far.

    A pruner state does not change after it is made, so timing has no influence on which candidates are pruned.
    """

    @property
    def reports_values(self) -> bool:
        """Whether the states report intermediate values to the study themselves."""
        ...

    @property
    def decides_late(self) -> bool:
        """Whether the state of a candidate may be made after the candidate was asked, from more outcomes."""
        ...

    def add_outcome(self, outcome: Outcome) -> None:
        """Record an outcome that has been told to the study."""
        ...

    def choose_subsamples(self) -> tuple[int, ...]:
        """Return the numbers of the subsamples on which the next candidate is measured before its first fold."""
        ...

    def make_pruner_state(self, trial: "optuna.Trial") -> PrunerState:
        """Return the pruner state for a candidate that Optuna has proposed."""
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
        """Return the outcome that this rule gives to a candidate that an earlier process has measured.

        Afterwards the trial is in the same state as if the candidate had been measured in this process.

        Parameters
        ----------
        trial : optuna.Trial
            The candidate's trial, asked again in this process, and not told yet.
        stored : optuna.trial.FrozenTrial
            The trial that the earlier process stored.
        outcome : Outcome
            What the earlier process measured.
        state : PrunerState
            What `make_pruner_state` returned for ``trial``.
        is_anew : bool
            Whether the study differs from the one in which the candidate was measured. Then a pruner may decide
            differently from the earlier process.

        Returns
        -------
        outcome : Outcome or None
            The given outcome, or only its first steps if this rule stops the candidate sooner. None if the earlier
            process stopped the candidate and this rule does not; then the candidate has to be measured again.
        """
        ...


class PruningRule(Protocol):
    """Defines when the candidates of a search are stopped. It has no state, so several searches may share it."""

    def start(self, study: "optuna.Study", metric: str | None) -> PruningTracker:
        """Return the tracker for the candidates of a study.

        Parameters
        ----------
        study : optuna.Study
        metric : str or None
            Which of several scores guides the search.
        """
        ...


def _meets_all(folds: Sequence[FoldScore]) -> bool:
    """Return True: there are no limits."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class PruningRequest:
    """What the choice of a pruning rule depends on.

    Attributes
    ----------
    pruner : object
        What the user passed as ``pruner``.
    resource : str or None
        The resource that increases from rung to rung; None if each step is a whole fold.
    factor : float
        The ratio of the amounts at two successive rungs.
    n_trials : int
    is_full_grid : bool
        Whether the space is finite and is searched in full.
    one_score_decides : bool
        Whether one score alone guides the search. If ``refit`` is a callable, it may choose by any score.
    tolerance : callable or None
        Takes the fold scores of the best candidate, and returns how far below its mean score a candidate may be and
        still be chosen. None if the candidate with the best mean score is always chosen.
    objectives : ObjectivePlan or None
        Several objectives, or limits.
    is_feasible : callable
        Takes the folds of a complete candidate, and returns whether it meets the limits.
    """

    pruner: object
    resource: str | None
    factor: float
    n_trials: int
    is_full_grid: bool
    one_score_decides: bool
    tolerance: Tolerance | None
    objectives: ObjectivePlan | None = None
    is_feasible: Callable[[Sequence[FoldScore]], bool] = _meets_all

    @property
    def wants_every_score(self) -> bool:
        """Whether a user of scikit-learn's searches expects every candidate's score.

        This is the case for a small search, for a finite space that is searched in full, and if a callable ``refit``
        chooses the winner.
        """
        is_small = self.n_trials <= MAX_TRIALS_WITHOUT_PRUNING
        return is_small or self.is_full_grid or not self.one_score_decides


def replay_folds(outcome: Outcome, state: PrunerState) -> Outcome | None:
    """Do what `PruningTracker.replay` describes, for a candidate that was measured fold by fold.

    The outcome of a candidate that was measured on all folds at once is returned unchanged, because its folds hold only
    the scores of the last step. A candidate that was measured without a subsample is treated as if it had passed it, so
    that nothing that is stored is measured again.

    If later folds have changed the scores of earlier ones, the state is given the mean that was stored for each step.
    A candidate that it stops sooner is measured again, because the scores of each fold at that step are not stored.
    """
    if outcome.curve:
        return outcome
    folds, subsamples = outcome.folds, outcome.subsamples
    counts = [(0, n) for n in range(1, len(subsamples) + 1)] + [(n, len(subsamples)) for n in range(1, len(folds) + 1)]
    steps = [
        Progress(step, step + 2, _select_seen_folds(outcome, n_folds), subsamples=subsamples[:n_subsamples])
        for step, (n_folds, n_subsamples) in enumerate(counts)
    ]
    n_kept = _count_steps(outcome, state, steps)
    if n_kept is None or n_kept == len(steps):
        return None if n_kept is None else outcome
    if outcome.step_means:
        return None
    last = steps[n_kept - 1]
    return Outcome(Status.PRUNED, last.folds, subsamples=last.subsamples)


def _select_seen_folds(outcome: Outcome, n_folds: int) -> tuple[FoldScore, ...]:
    """Return the first folds with the mean score that they had after the last one of them."""
    folds = outcome.folds[:n_folds]
    if not 0 < n_folds <= len(outcome.step_means):
        return folds
    mean = outcome.step_means[n_folds - 1]
    return tuple(replace(fold, test=mean, train=None, error=None, failure=None) for fold in folds)


def replay_rungs(outcome: Outcome, state: PrunerState) -> Outcome | None:
    """Do what `PruningTracker.replay` describes, for a candidate that was measured rung by rung.

    The folds keep the seconds that the earlier process spent, also if the candidate is stopped sooner.
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
    """Return how many of the measured steps this pruner state allows; None if it allows more than were measured."""
    was_pruned = outcome.status == Status.PRUNED
    for progress in steps if was_pruned else steps[:-1]:  # no candidate is stopped after its last step
        if not state.allows(progress):
            return progress.step + 1
    return None if was_pruned else len(steps)
