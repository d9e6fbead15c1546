"""What a candidate is measured on, what comes back, and the loop that connects them.

An evaluation is a generator that yields its progress after each step; pruning is closing it. The work runs
where the executor runs it: no study, no storage and no shared state are in sight here.
"""

import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, Protocol

import numpy as np

__all__ = [
    "OUT_OF_TIME",
    "Evaluation",
    "Fold",
    "FoldScore",
    "NoPruningState",
    "Outcome",
    "Progress",
    "PrunerState",
    "Rung",
    "Task",
    "WorkItem",
    "average_scores",
    "is_finite_score",
    "join",
    "judge",
    "measure",
    "select_score",
]

Score = float | dict[str, float]

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
        Routed metadata; whatever has one entry per sample is cut to the fold's rows.
    error_score : float or "raise"
        The score of a fold that failed, or "raise" to let the estimator's own exception through.
    return_train_score : bool
    """

    X: Any
    y: Any
    folds: tuple[Fold, ...]
    scorer: Any
    fit_params: Mapping[str, Any]
    score_params: Mapping[str, Any]
    error_score: float | str
    return_train_score: bool


@dataclass(frozen=True, slots=True)
class FoldScore:
    """What one fold gave: scores (higher is better), seconds, and the traceback if the fit failed."""

    test: Score
    train: Score | None
    fit_seconds: float
    score_seconds: float
    error: str | None = None
    stop_requested: bool = False


@dataclass(frozen=True, slots=True)
class Rung:
    """What a candidate scored on all folds when it had been given only so much of the resource."""

    resource: int
    test: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a candidate has come.

    Attributes
    ----------
    step : int
        Counts from 0.
    n_steps : int
    folds : tuple of FoldScore
        What is finished: the first folds, or all of them on the present rung.
    curve : tuple of Rung
        All rungs so far, where a candidate is given its resource (iterations, training rows) little by little and all
        folds climb together; empty where each step is a whole fold.
    resolved_params : mapping of str to object
        Parameters that measuring has settled: with them added, the candidate gives the last step's scores.
    kept : object
        What else measuring has brought and the search wants, such as predictions; not stored.
    is_out_of_time : bool
        Whether there is no time for the next step, though the time limit has not been reached.
    """

    step: int
    n_steps: int
    folds: tuple[FoldScore, ...]
    curve: tuple[Rung, ...] = ()
    resolved_params: Mapping[str, Any] = field(default_factory=dict)
    kept: Any = None
    is_out_of_time: bool = False

    @property
    def is_last(self) -> bool:
        """Whether no step is left, so that there is nothing to prune."""
        return self.step + 1 == self.n_steps


@dataclass(frozen=True, slots=True)
class Outcome:
    """How measuring a candidate ended.

    Attributes
    ----------
    status : {"complete", "failed", "pruned", "timeout", "cancelled", "duplicate"}
    folds : tuple of FoldScore
        Only the folds that were measured.
    error : str or None
        Traceback or reason, when the status is not "complete".
    curve, settled
        As of `Progress`.
    exception : BaseException or None
        What the evaluation let through, when it came from another process or thread: whoever takes the outcomes in
        order raises it when it is this one's turn.
    kept : object
        As of `Progress`, of a complete candidate.
    seconds : float or None
        Spent in a worker, where the candidate was lost and no fold says it.
    exit_status : str or None
        How the worker process ended, where that was the end of the candidate: the signal, or the exit code.
    """

    status: str
    folds: tuple[FoldScore, ...] = ()
    error: str | None = None
    curve: tuple[Rung, ...] = ()
    resolved_params: Mapping[str, Any] = field(default_factory=dict)
    exception: BaseException | None = None
    kept: Any = None
    seconds: float | None = None
    exit_status: str | None = None

    @property
    def comparable_folds(self) -> tuple[FoldScore, ...]:
        """The folds whose scores can stand beside a complete candidate's: none of a candidate that left half-way up."""
        return () if self.curve and self.status == "pruned" else self.folds


class PrunerState(Protocol):
    """What a candidate must clear at each step to go on; frozen when the candidate is asked.

    ``travels`` says whether the bar can be pickled and applied where the work runs; a bar that cannot is
    applied by the coordinator after each step.
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
    """A bar that every candidate clears."""

    is_picklable: bool = True

    def allows(self, progress: Progress) -> bool:
        """Whether the candidate may take the next step: always."""
        return True


@dataclass(frozen=True, slots=True)
class RemotePrunerState:
    """Stands for a bar that did not travel: whoever sent the work applies it."""

    is_picklable: bool = False

    def allows(self, progress: Progress) -> bool:
        """Not decided here."""
        raise RuntimeError("this bar is applied by the coordinator")


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One candidate on its way to where it is measured.

    Attributes
    ----------
    number : int
        The trial's number.
    row : int
        The candidate's place among those measured, from 0.
    n_rows : int
        How many candidates are planned; for messages only.
    params : mapping of str to object
    pruner_state : PrunerState
    deadline : float or None
        ``time.time()`` after which no further step is begun.
    contexts : tuple
        One scikit-learn callback context per fold, or empty.
    only : tuple of int
        The folds to measure, if this is a part of the candidate; empty for all of them.
    races : bool
        Whether the parts before this one may decide that it was for nothing.
    """

    number: int
    row: int
    n_rows: int
    params: Mapping[str, Any]
    pruner_state: PrunerState = field(default_factory=NoPruningState)
    deadline: float | None = None
    contexts: tuple[Any, ...] = ()
    only: tuple[int, ...] = ()
    races: bool = False

    def to_send(self) -> "WorkItem":
        """Leave behind a bar that cannot travel."""
        return self if self.pruner_state.is_picklable else replace(self, pruner_state=RemotePrunerState())

    def parts(self, n_folds: int, n_parts: int) -> list["WorkItem"]:
        """Cut the candidate into parts to be measured apart; not where a bar stays with the study."""
        if n_parts < 2 or n_folds < 2 or not self.pruner_state.is_picklable:
            return [self]
        cuts = np.array_split(np.arange(n_folds), min(n_parts, n_folds))
        # Only the first part can be held against the bar where it is measured: it begins with the first fold.
        whole = replace(self, races=not isinstance(self.pruner_state, NoPruningState))
        return [
            replace(
                whole,
                only=tuple(int(fold) for fold in cut),
                pruner_state=NoPruningState() if place else self.pruner_state,
            )
            for place, cut in enumerate(cuts)
        ]


class Evaluation(Protocol):
    """Measures one candidate, one step at a time."""

    @property
    def n_folds(self) -> int:
        """Into how many parts a candidate can be cut."""
        ...

    def steps(self, work: WorkItem) -> Generator[Progress, None, None]:
        """Yield the progress after each step."""
        ...

    def fit(self, estimator: Any, X: Any, y: Any, fit_params: Mapping[str, Any], curve: Sequence[Rung]) -> Any:
        """Fit the winner, in place, as its scores were come by."""
        ...

    def get_resource_amount(self, curve: Sequence[Rung]) -> int:
        """Say how much of the resource the scores belong to that count."""
        ...


def measure(evaluation: Evaluation, work: WorkItem) -> Outcome:
    """Measure one candidate until it is done, stopped by its bar, or out of time.

    Exceptions are let through only where the evaluation lets them through, as it does under
    ``error_score="raise"``.
    """
    if work.deadline is not None and time.time() > work.deadline:
        return Outcome("timeout", (), OUT_OF_TIME)
    steps = evaluation.steps(work)
    for progress in steps:
        verdict = judge(work, progress)
        if verdict is not None:
            steps.close()
            return verdict
    raise RuntimeError(f"The evaluation of trial {work.number} ended without a last step.")


def join(work: WorkItem, parts: Sequence[Outcome | None]) -> Outcome | None:
    """Put the outcomes of a candidate's parts together, in the order of its folds; None while it cannot be said.

    The bar is applied as if one fold had been measured after another: what was measured beyond the fold that decided is
    dropped, so that cutting a candidate up changes nothing but the time it takes.
    """
    folds: list[FoldScore] = []
    for part in parts:
        if part is None:
            return None
        if part.status == "timeout" or (part.status == "failed" and not part.folds):
            return replace(part, folds=tuple(folds))
        for fold in part.folds:
            folds.append(fold)
            is_last = part is parts[-1] and fold is part.folds[-1]
            n_steps = len(folds) + (not is_last)
            verdict = judge(replace(work, deadline=None), Progress(len(folds) - 1, n_steps, tuple(folds)))
            if verdict is not None:
                return verdict
    raise RuntimeError(f"The parts of trial {work.number} came back without a last fold.")


def judge(work: WorkItem, progress: Progress, *, apply_bar: bool = True) -> Outcome | None:
    """Return how the candidate ended at this step, or None while it goes on."""
    if progress.is_last:
        return _finished(progress)
    if progress.is_out_of_time or (work.deadline is not None and time.time() > work.deadline):
        return Outcome("timeout", progress.folds, OUT_OF_TIME, progress.curve)
    if apply_bar and not work.pruner_state.allows(progress):
        return Outcome("pruned", progress.folds, None, progress.curve)
    return None


def _finished(progress: Progress) -> Outcome:
    folds = progress.folds
    errors = [fold.error for fold in folds if fold.error is not None]
    if errors:
        return Outcome("failed", folds, errors[0], progress.curve)
    if not all(is_finite_score(fold.test) for fold in folds):
        return Outcome("failed", folds, "a score is not finite", progress.curve)
    return Outcome("complete", folds, None, progress.curve, progress.resolved_params, kept=progress.kept)


def select_score(score: Score, metric: str | None) -> float:
    """Return the score that guides the search: the named one of several, else the first."""
    if not isinstance(score, dict):
        return float(score)
    return float(score[metric] if metric in score else next(iter(score.values())))


def average_scores(scores: Iterable[Score], metric: str | None) -> float:
    """Return the mean of the scores that guide the search."""
    guiding = [select_score(score, metric) for score in scores]
    return sum(guiding) / len(guiding)


def is_finite_score(score: Score) -> bool:
    """Whether a fold gave a number, or numbers."""
    if isinstance(score, dict):
        return all(isfinite(value) for value in score.values())
    return isfinite(score)
