"""The records of one measurement (task, work item, progress, outcome), and the loop that measures a candidate.

An evaluation is a generator that yields its progress after each step. A candidate is pruned by closing the generator.
This code runs wherever the executor runs it, so it uses no study, no storage and no shared state.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol

import numpy as np

from sklearn_autotune._compat import clock
from sklearn_autotune._compat.messages import make_storable
from sklearn_autotune.evaluation._failures import Failure, Score, describe_unusable_score, select_score
from sklearn_autotune.evaluation._status import Status

__all__ = [
    "OUT_OF_TIME",
    "Evaluation",
    "FinalFit",
    "Fold",
    "FoldScore",
    "NoPruningState",
    "Outcome",
    "Progress",
    "PrunerState",
    "Rung",
    "Task",
    "WorkItem",
    "average_folds",
    "average_scores",
    "decide_outcome",
    "join_outcomes",
    "measure",
]

OUT_OF_TIME = "the time limit was reached"


@dataclass(frozen=True, slots=True)
class Fold:
    """One train/test pair of row indices, drawn once per ``fit``."""

    number: int
    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True, slots=True)
class Task:
    """Data, folds, scorers and routed metadata: what a candidate is measured on.

    Attributes
    ----------
    X : array-like, sparse matrix, DataFrame or list of length n_samples
    y : array-like of length n_samples, or None
    folds : tuple of Fold
    scorer : callable
        A scikit-learn scorer, a multi-metric scorer, or any callable ``(estimator, X, y)``; higher is better.
    fit_params, score_params : mapping of str to object
        Routed metadata. Of a value with one entry per sample, each fold uses the entries of its rows.
    error_score : float or "raise"
        The score of a fold that failed, or "raise" to let the estimator's own exception through.
    return_train_score : bool
    metric : str or None
        The score that guides the search, if there are several; None is the first one. A candidate without this score
        has failed.
    """

    X: Any
    y: Any
    folds: tuple[Fold, ...]
    scorer: Any
    fit_params: Mapping[str, Any]
    score_params: Mapping[str, Any]
    error_score: float | str
    return_train_score: bool
    metric: str | None = None


@dataclass(frozen=True, slots=True)
class FoldScore:
    """The result of one fold.

    Attributes
    ----------
    test, train : float or dict of str to float
        Scores; higher is better. A failed fold has ``error_score``, or its own score if that is not finite.
    fit_seconds, score_seconds : float
    error : str or None
        The traceback or the reason if something failed; at most `_compat.messages.MAX_ERROR_LENGTH` characters.
    failure : Failure or None
        What failed. If there is an ``error`` and this is None, the fit failed.
    stop_requested : bool
        Whether a scikit-learn callback asked to stop the fit.
    """

    test: Score
    train: Score | None
    fit_seconds: float
    score_seconds: float
    error: str | None = None
    failure: Failure | None = None
    stop_requested: bool = False

    def __post_init__(self) -> None:
        if self.error is not None:
            object.__setattr__(self, "error", make_storable(self.error))

    @property
    def has_failed(self) -> bool:
        """Whether the fold has no usable score for the metric that guides the search; its candidate has failed too."""
        return self.error is not None and self.failure != Failure.OTHER_SCORE


@dataclass(frozen=True, slots=True)
class Rung:
    """The scores of a candidate on all folds with a given amount of the resource."""

    resource: int
    test: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """What has been measured of a candidate so far.

    Attributes
    ----------
    step : int
        Counts from 0.
    n_steps : int
    folds : tuple of FoldScore
        The finished folds: the first ones, or all folds at the current rung.
    curve : tuple of Rung
        All rungs so far, if the resource (iterations, training rows) is increased step by step on all folds at once.
        Empty if each step is a whole fold.
    resolved_params : mapping of str to object
        Parameters whose values were found during the measurement, such as ``n_estimators``. The candidate's parameters
        together with these give the scores of the last step.
    artifacts : object
        Other results that the search needs, such as out-of-fold predictions. They are not stored.
    is_out_of_time : bool
        Whether the time left is too short for the next step, even though the time limit has not been reached.
    """

    step: int
    n_steps: int
    folds: tuple[FoldScore, ...]
    curve: tuple[Rung, ...] = ()
    resolved_params: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Any = None
    is_out_of_time: bool = False

    @property
    def is_last(self) -> bool:
        """Whether this was the last step, after which a candidate can no longer be pruned."""
        return self.step + 1 == self.n_steps

    @property
    def has_failed(self) -> bool:
        """Whether a fold has failed; then the candidate fails, whatever its other folds score."""
        return any(_explain_failure(fold) is not None for fold in self.folds)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of measuring a candidate.

    Attributes
    ----------
    status : Status
    folds : tuple of FoldScore
        Only the folds that were measured.
    error : str or None
        The traceback or the reason, if the status is not "complete", or if one of several scores failed that does not
        guide the search; at most `_compat.messages.MAX_ERROR_LENGTH` characters.
    curve, resolved_params
        As in `Progress`.
    exception : BaseException or None
        The exception that the evaluation raised in another process or thread. The trial loop handles outcomes in
        trial order, and raises this exception when it reaches this trial.
    artifacts : object
        As in `Progress`, for a complete candidate.
    seconds : float or None
        Seconds that the worker spent on the candidate, if no fold records them because the worker was lost.
    exit_status : str or None
        The signal or the exit code of the worker process, if the candidate failed because this process ended.
    """

    status: Status
    folds: tuple[FoldScore, ...] = ()
    error: str | None = None
    curve: tuple[Rung, ...] = ()
    resolved_params: Mapping[str, Any] = field(default_factory=dict)
    exception: BaseException | None = None
    artifacts: Any = None
    seconds: float | None = None
    exit_status: str | None = None

    def __post_init__(self) -> None:
        if self.error is not None:
            object.__setattr__(self, "error", make_storable(self.error))

    @property
    def comparable_folds(self) -> tuple[FoldScore, ...]:
        """The folds whose scores can be compared to a complete candidate's: none if it was pruned at a rung."""
        return () if self.curve and self.status == Status.PRUNED else self.folds


class PrunerState(Protocol):
    """Decides after each step whether a candidate goes on.

    It is made when Optuna is asked for the candidate, and does not change. A picklable state is sent to the worker
    together with the candidate, and the worker uses it. Any other state stays in the search's process, which uses it
    after each step of the worker.
    """

    @property
    def is_picklable(self) -> bool:
        """Whether it can be pickled."""
        ...

    def allows(self, progress: Progress) -> bool:
        """Whether the candidate may take the next step."""
        ...


@dataclass(frozen=True, slots=True)
class NoPruningState:
    """Lets every candidate go on."""

    is_picklable: bool = True

    def allows(self, progress: Progress) -> bool:
        """Whether the candidate may take the next step: always."""
        return True


@dataclass(frozen=True, slots=True)
class RemotePrunerState:
    """Replaces, in a worker, a state that is not picklable: the search's process decides, not the worker."""

    is_picklable: bool = False

    def allows(self, progress: Progress) -> bool:
        """Raise RuntimeError, because the worker cannot decide."""
        raise RuntimeError("This pruner state can be used only in the process that runs the search.")


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One candidate, or some of its folds, as it is sent to the worker that measures it.

    Attributes
    ----------
    number : int
        The trial's number.
    candidate_index : int
        The candidate's index among the measured candidates, from 0.
    n_candidates : int
        The number of planned candidates; for messages only.
    params : mapping of str to object
    pruner_state : PrunerState
    deadline : float or None
        The time by `clock.now` after which no step is begun. A pickle holds the number of seconds left instead.
    callback_contexts : tuple
        One scikit-learn callback context per fold, or empty.
    fold_numbers : tuple of int
        The folds to measure, if this is a part of the candidate; empty for all of them.
    is_speculative : bool
        Whether the results of earlier parts may make this part unnecessary.
    """

    number: int
    candidate_index: int
    n_candidates: int
    params: Mapping[str, Any]
    pruner_state: PrunerState = field(default_factory=NoPruningState)
    deadline: float | None = None
    callback_contexts: tuple[Any, ...] = ()
    fold_numbers: tuple[int, ...] = ()
    is_speculative: bool = False

    def __getstate__(self) -> dict[str, Any]:
        """Replace the deadline by the seconds left, because the receiving process has its own clock."""
        state = {each.name: getattr(self, each.name) for each in fields(self)}
        return state | {"deadline": clock.compute_seconds_left(self.deadline)}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Compute the deadline by the clock of this process."""
        for name, value in state.items():
            object.__setattr__(self, name, clock.compute_deadline(value) if name == "deadline" else value)

    def make_sendable(self) -> "WorkItem":
        """Replace a pruner state that is not picklable."""
        return self if self.pruner_state.is_picklable else replace(self, pruner_state=RemotePrunerState())

    def split_folds(self, n_folds: int, n_parts: int) -> list["WorkItem"]:
        """Split the candidate's folds into parts, unless its pruner state has to stay in the search's process."""
        if n_parts < 2 or n_folds < 2 or not self.pruner_state.is_picklable:
            return [self]
        folds_of_parts = np.array_split(np.arange(n_folds), min(n_parts, n_folds))
        # A pruner state needs the scores of all earlier folds, so a worker can use it only for the first part.
        whole = replace(self, is_speculative=not isinstance(self.pruner_state, NoPruningState))
        return [
            replace(
                whole,
                fold_numbers=tuple(int(fold) for fold in folds),
                pruner_state=NoPruningState() if index else self.pruner_state,
            )
            for index, folds in enumerate(folds_of_parts)
        ]


class Evaluation(Protocol):
    """Measures one candidate, one step at a time."""

    @property
    def n_folds(self) -> int:
        """The number of parts into which a candidate can be split."""
        ...

    def measure_steps(self, work: WorkItem) -> Generator[Progress, None, None]:
        """Yield the progress after each step."""
        ...


class FinalFit(Protocol):
    """Fits the winner on all rows, in the same way as it was fitted when it was measured."""

    def fit(self, estimator: Any, X: Any, y: Any, fit_params: Mapping[str, Any], curve: Sequence[Rung]) -> Any:
        """Fit the winner in place.

        Parameters
        ----------
        estimator : estimator
            With the candidate's parameters and its resolved parameters already set.
        X, y : array-like
            ``y`` may be None.
        fit_params : mapping of str to object
        curve : sequence of Rung
            The candidate's rungs; empty if each step was a whole fold.

        Returns
        -------
        estimator : estimator
            The same object, fitted.
        """
        ...

    def get_resource_amount(self, curve: Sequence[Rung]) -> int | None:
        """Return the amount of the resource at which the final scores were measured; None if there is no resource."""
        ...


def measure(evaluation: Evaluation, work: WorkItem) -> Outcome:
    """Measure one candidate until it is complete, pruned, or out of time.

    This raises an exception only if the evaluation raises one: a failed fold raises only under ``error_score="raise"``.
    """
    if work.deadline is not None and clock.now() > work.deadline:
        return Outcome(Status.TIMEOUT, (), OUT_OF_TIME)
    steps = evaluation.measure_steps(work)
    for progress in steps:
        outcome = decide_outcome(work, progress)
        if outcome is not None:
            steps.close()
            return outcome
    raise RuntimeError(f"The evaluation of candidate {work.candidate_index} ended without a last step.")


def join_outcomes(work: WorkItem, parts: Sequence[Outcome | None]) -> Outcome | None:
    """Join the outcomes of a candidate's parts in the order of its folds; return None if a part is still needed.

    The pruner state decides as if the folds had been measured one after another. Results of folds after the one that
    ended the candidate are dropped. So splitting a candidate changes only how long it takes.
    """
    folds: list[FoldScore] = []
    for part in parts:
        if part is None:
            return None
        if part.status == Status.TIMEOUT or (part.status == Status.FAILED and not part.folds):
            return replace(part, folds=tuple(folds))
        for fold in part.folds:
            folds.append(fold)
            is_last = part is parts[-1] and fold is part.folds[-1]
            n_steps = len(folds) + (not is_last)
            outcome = decide_outcome(replace(work, deadline=None), Progress(len(folds) - 1, n_steps, tuple(folds)))
            if outcome is not None:
                return outcome
    raise RuntimeError(f"The parts of candidate {work.candidate_index} came back without a last fold.")


def decide_outcome(work: WorkItem, progress: Progress, *, apply_pruning: bool = True) -> Outcome | None:
    """Return the outcome if the candidate ends at this step, or None if it goes on."""
    if progress.is_last:
        return _make_final_outcome(progress)
    if progress.is_out_of_time or (work.deadline is not None and clock.now() > work.deadline):
        return Outcome(Status.TIMEOUT, progress.folds, OUT_OF_TIME, progress.curve)
    if apply_pruning and not work.pruner_state.allows(progress):
        return Outcome(Status.PRUNED, progress.folds, None, progress.curve)
    return None


def _make_final_outcome(progress: Progress) -> Outcome:
    """Decide whether a candidate with all folds measured is complete or failed; only its folds decide."""
    folds = progress.folds
    errors = [error for error in map(_explain_failure, folds) if error is not None]
    if errors:
        return Outcome(Status.FAILED, folds, errors[0], progress.curve)
    error = next((fold.error for fold in folds if fold.error is not None), None)  # of a score that guides nothing
    return Outcome(
        Status.COMPLETE, folds, error, progress.curve, progress.resolved_params, artifacts=progress.artifacts
    )


def _explain_failure(fold: FoldScore) -> str | None:
    """Return why a fold has failed; None if it has not."""
    if fold.has_failed:
        return fold.error
    return None if isinstance(fold.test, dict) else describe_unusable_score(fold.test)


def average_scores(scores: Iterable[Score], metric: str | None) -> float:
    """Return the mean of the scores that guide the search."""
    selected = [select_score(score, metric) for score in scores]
    return sum(selected) / len(selected)


def average_folds(folds: Iterable[FoldScore], metric: str | None) -> float:
    """Return the mean over the folds of the score that guides the search."""
    return average_scores((fold.test for fold in folds), metric)
