"""The loop that measures a candidate, and the work items that are sent to where it runs.

An evaluation is a generator that yields its progress after each step. A candidate is pruned by closing the generator.
This code runs wherever the executor runs it, so it uses no study, no storage and no shared state.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation._base import (
    OUT_OF_TIME,
    FoldScore,
    Outcome,
    Progress,
    Rung,
    SubsampleScore,
    explain_failure,
)
from sklearn_autotune.evaluation._status import Status

__all__ = [
    "DEFAULT_NUMBER",
    "Evaluation",
    "FinalFit",
    "NoPruningState",
    "PreparableEvaluation",
    "PrunerState",
    "RemotePrunerState",
    "WorkItem",
    "decide_outcome",
    "join_outcomes",
    "measure",
]


TIMES = ("deadline", "end_time")  # the fields of a work item that are times

DEFAULT_NUMBER = -1  # of the work item of the default, the estimator with its own parameters, which is no trial


class PrunerState(Protocol):
    """Decides after each step whether a candidate goes on.

    It is made from the trials told before the candidate, and does not change. A picklable state is sent to the worker
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
        The trial's number; `DEFAULT_NUMBER` for the default.
    candidate_index : int
        The candidate's index among the measured candidates, from 0.
    n_candidates : int
        The number of planned candidates; for messages only.
    params : mapping of str to object
    pruner_state : PrunerState or None
        None as long as it is not known, because it depends on candidates that are still running.
    deadline : float or None
        The time by `clock.now` after which no step is begun. A pickle holds the number of seconds left instead.
    end_time : float or None
        The time by `clock.now` at which the whole ``fit`` has to end, final fit included. The first candidate has this
        but no deadline: it is always completed. A pickle holds the number of seconds left.
    callback_contexts : tuple
        One scikit-learn callback context per fold, or empty.
    subsample_numbers : tuple of int
        The numbers of the task's subsamples that are measured before the first fold.
    fold_numbers : tuple of int
        The folds and subsamples to measure, if this is a part of the candidate; empty for all of them.
    measured : Progress or None
        What has been measured of the candidate before, if this is the rest of it.
    """

    number: int
    candidate_index: int
    n_candidates: int
    params: Mapping[str, Any]
    pruner_state: PrunerState | None = field(default_factory=NoPruningState)
    deadline: float | None = None
    callback_contexts: tuple[Any, ...] = ()
    subsample_numbers: tuple[int, ...] = ()
    fold_numbers: tuple[int, ...] = ()
    measured: Progress | None = None
    end_time: float | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Replace the times by the seconds left, because another machine has its own clock."""
        state = {each.name: getattr(self, each.name) for each in fields(self)}
        return state | {name: clock.compute_seconds_left(state[name]) for name in TIMES}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Compute the times by the clock of this machine."""
        for name, value in state.items():
            object.__setattr__(self, name, clock.compute_deadline(value) if name in TIMES else value)

    @property
    def is_racing(self) -> bool:
        """Whether the results of earlier folds may make later ones unnecessary."""
        return not isinstance(self.pruner_state, NoPruningState)

    def make_sendable(self) -> "WorkItem":
        """Replace a pruner state that is not picklable."""
        if self.pruner_state is None or self.pruner_state.is_picklable:
            return self
        return replace(self, pruner_state=RemotePrunerState())

    def split(self, n_folds: int, n_parts: int) -> list["WorkItem"]:
        """Split the candidate into parts of one or several folds; if it races, into single folds and subsamples.

        A candidate is not split if its pruner state has to stay in the search's process. The state needs the scores of
        all earlier folds. So no worker decides by it if the candidate is split; `join_outcomes` does.

        Parameters
        ----------
        n_folds : int
        n_parts : int
            Into how many parts a candidate is split that does not race; at most its number of folds.
        """
        numbers = [*self.subsample_numbers, *range(n_folds)]
        n_parts = min(len(numbers), len(numbers) if self.is_racing else n_parts)
        if n_parts < 2 or not (self.pruner_state is None or self.pruner_state.is_picklable):
            return [self]
        return [
            replace(self, fold_numbers=tuple(int(number) for number in part), pruner_state=NoPruningState())
            for part in np.array_split(np.array(numbers), n_parts)
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


@runtime_checkable
class PreparableEvaluation(Protocol):
    """An evaluation with work that is done once in a worker process, for all candidates that it measures."""

    def prepare(self) -> None:
        """Do this work before the first candidate, so that it counts for no candidate's limits.

        It raises nothing: what fails here fails again for each candidate, which records it.
        """
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
    """Join the outcomes of a candidate's parts in the order of its folds.

    The pruner state decides as if the folds had been measured one after another. Results of folds after the one that
    ended the candidate are dropped. So splitting a candidate changes only how long it takes.

    Returns
    -------
    outcome : Outcome or None
        None if a part, or the pruner state, is still needed.
    """
    subsamples: list[SubsampleScore] = []
    folds: list[FoldScore] = []
    work = replace(work, deadline=None)
    for part in parts:
        if part is None:
            return None
        if part.status == Status.TIMEOUT or (part.status == Status.FAILED and not part.folds):
            return replace(part, folds=tuple(folds), subsamples=tuple(subsamples))
        scores: tuple[SubsampleScore | FoldScore, ...] = (*part.subsamples, *part.folds)
        for score in scores:
            if isinstance(score, SubsampleScore):
                subsamples.append(score)
            else:
                folds.append(score)
            is_last = part is parts[-1] and score is scores[-1]
            if work.pruner_state is None and not is_last:
                return None
            step = len(subsamples) + len(folds) - 1
            progress = Progress(step, step + 2 - is_last, tuple(folds), subsamples=tuple(subsamples))
            outcome = decide_outcome(work, progress)
            if outcome is not None:
                return outcome
    raise RuntimeError(f"The parts of candidate {work.candidate_index} came back without a last fold.")


def decide_outcome(work: WorkItem, progress: Progress, *, apply_pruning: bool = True) -> Outcome | None:
    """Return the outcome if the candidate ends at this step, or None if it goes on."""
    if progress.is_last:
        return _make_final_outcome(progress)
    if progress.is_out_of_time or (work.deadline is not None and clock.now() > work.deadline):
        return Outcome(Status.TIMEOUT, progress.folds, OUT_OF_TIME, progress.curve, subsamples=progress.subsamples)
    if apply_pruning and work.pruner_state is not None and not work.pruner_state.allows(progress):
        pruned = Outcome(Status.PRUNED, progress.folds, None, progress.curve)
        return replace(pruned, subsamples=progress.subsamples, step_means=progress.step_means)
    return None


def _make_final_outcome(progress: Progress) -> Outcome:
    """Decide whether a candidate with all folds measured is complete or failed; only its folds decide."""
    folds, subsamples, step_means = progress.folds, progress.subsamples, progress.step_means
    errors = [error for error in map(explain_failure, folds) if error is not None]
    if errors:
        failed = Outcome(Status.FAILED, folds, errors[0], progress.curve)
        return replace(failed, subsamples=subsamples, step_means=step_means)
    error = next((fold.error for fold in folds if fold.error is not None), None)  # of a score that guides nothing
    return Outcome(
        Status.COMPLETE,
        folds,
        error,
        progress.curve,
        progress.resolved_params,
        artifacts=progress.artifacts,
        subsamples=subsamples,
        step_means=step_means,
    )
