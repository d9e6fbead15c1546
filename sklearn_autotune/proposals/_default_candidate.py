"""The default, which is the estimator with its own parameters: measured in full unless a candidate has the same.

It is no trial, and no candidate depends on it. So measuring it changes nothing but the time that a search takes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

from sklearn.base import clone

from sklearn_autotune._compat.types import Estimator
from sklearn_autotune.evaluation import DEFAULT_NUMBER, OUT_OF_TIME, Outcome, PrunerState, WorkItem
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.execution import Executor
from sklearn_autotune.space._dimensions import make_value_key
from sklearn_autotune.space._space import Space, is_measured_in_full
from sklearn_autotune.storage._outcomes import TrialRecord, is_final, read_default
from sklearn_autotune.storage._recorder import Recorder

__all__ = ["DefaultExecutor", "DefaultMeasurement", "DefaultPlan", "plan_default"]


NOT_WANTED = (
    "No candidate has the estimator's own parameters, and they were not measured apart. "
    "measure_default=True does so, and 'auto' does so except in a finite space that is searched in full."
)


@dataclass(frozen=True, slots=True)
class DefaultMeasurement:
    """What is known of the default at the end of a search.

    Attributes
    ----------
    record : TrialRecord or None
        Of the complete measurement. The number is that of a trial, or `DEFAULT_NUMBER`.
    row : int or None
        The row in ``cv_results_`` of the candidate that has these parameters.
    reason : str
        Why there is no record; empty if there is one.
    """

    record: TrialRecord | None = None
    row: int | None = None
    reason: str = ""


def _conclude(record: TrialRecord, row: int | None = None) -> DefaultMeasurement:
    outcome = record.outcome
    if outcome.status == Status.COMPLETE:
        return DefaultMeasurement(record, row)
    return DefaultMeasurement(
        reason=f"Measuring the estimator's own parameters ended as {outcome.status}: {outcome.error}"
    )


@dataclass(frozen=True)
class DefaultPlan:
    """What the default is, and whether it is measured if no candidate has its parameters.

    Attributes
    ----------
    own : mapping of str to object
        All parameters of the estimator, also those of nested estimators.
    is_measured : bool
        Whether to measure it unless a candidate of the search has exactly these parameters.
    comes_later : bool
        Whether such a candidate is certain to come, though not first.
    can_be_candidate : bool
        Whether a candidate with these parameters is fitted as the estimator itself is.
    """

    own: Mapping[str, Any]
    is_measured: bool = True
    comes_later: bool = False
    can_be_candidate: bool = True

    @cached_property
    def _keys(self) -> dict[str, Any]:
        return {name: make_value_key(value) for name, value in self.own.items()}

    def has_own_parameters(self, params: Mapping[str, Any]) -> bool:
        """Whether parameters are exactly those of the estimator; 1 and 1.0 differ."""
        return all(name in self.own and make_value_key(value) == self._keys[name] for name, value in params.items())

    def find(self, records: Iterable[TrialRecord]) -> TrialRecord | None:
        """Return the first record of a candidate with exactly these parameters that is complete or failed."""
        if not self.can_be_candidate:
            return None
        ended = (record for record in records if record.outcome.status in (Status.COMPLETE, Status.FAILED))
        return next((record for record in ended if self.has_own_parameters(record.full_params)), None)

    def conclude(self, records: Sequence[TrialRecord], outcome: Outcome | None) -> "DefaultMeasurement":
        """Return what is known of the default at the end of a search.

        Parameters
        ----------
        records : sequence of TrialRecord
            Of all finished trials, in the order of their numbers.
        outcome : Outcome or None
            That of the default, if it was measured beside the candidates.
        """
        measured = [record for record in records if record.is_measured]
        found = self.find(measured)
        if found is not None:
            return _conclude(found, measured.index(found))
        if outcome is None:
            why = (
                "The search ended before the estimator's own parameters were measured."
                if self.is_measured
                else NOT_WANTED
            )
            return DefaultMeasurement(reason=why)
        names = dict.fromkeys(name for record in measured for name in record.full_params)
        own = {name: self.own[name] for name in names if name in self.own}
        return _conclude(TrialRecord(DEFAULT_NUMBER, own, outcome))


def plan_default(
    measure_default: bool | Literal["auto"],
    estimator: Estimator,
    space: Space,
    *,
    n_trials: int,
    resource: str | None = None,
    is_needed: bool = False,
) -> DefaultPlan:
    """Decide whether the default is measured.

    Parameters
    ----------
    measure_default, estimator, resource
        As of `OptunaSearchCV`.
    space : Space
    n_trials : int
    is_needed : bool, default=False
        Whether the rule that chooses the winner compares with the default.

    Raises
    ------
    ValueError
        If the rule needs the default, and the user has switched it off.
    """
    if is_needed and measure_default is False:
        raise ValueError(
            "measure_default=False, but the rule in refit compares the winner with the estimator's own parameters. Use "
            "measure_default='auto', or another rule."
        )
    own = clone(estimator).get_params(deep=True)
    is_full_grid = is_measured_in_full(space, n_trials)
    plan = DefaultPlan(
        own,
        is_measured=is_needed or measure_default is True or (measure_default == "auto" and not is_full_grid),
        can_be_candidate=resource != "epochs",  # a number of epochs is no parameter of the estimator
    )
    if not is_full_grid:
        return plan
    nearest = space.project({name: [value] for name, value in own.items()})
    return DefaultPlan(own, plan.is_measured, plan.has_own_parameters(nearest), plan.can_be_candidate)


class TimeLimit(Protocol):
    """The part of a search's budget that is a time."""

    @property
    def deadline(self) -> float | None:
        """The time by `clock.now` at which ``fit`` has to be over."""
        ...

    @property
    def search_deadline(self) -> float | None:
        """The time by `clock.now` at which measuring has to be over."""
        ...

    @property
    def seconds_left(self) -> float | None:
        """Seconds until then; None without a limit."""
        ...

    def add_outcome(self, outcome: Outcome) -> None:
        """Estimate the final fit by an outcome."""
        ...


class DefaultExecutor:
    """Measures candidates by another executor, and the default once the first candidate has been told.

    The first candidate comes before, because a time limit never cuts it, and because it is often the default itself.

    Parameters
    ----------
    inner : Executor
    plan : DefaultPlan
    time_limit : TimeLimit
    recorder : Recorder
        Stores the outcome, so that a search that is resumed does not measure the default again.

    Attributes
    ----------
    outcome : Outcome or None
        That of the default, if it has been measured.
    records : sequence of TrialRecord
        Of the candidates that have been told; the caller sets it.
    """

    def __init__(self, inner: Executor, plan: DefaultPlan, time_limit: TimeLimit, recorder: Recorder) -> None:
        self.inner = inner
        self.capacity = inner.capacity
        self.plan = plan
        self.time_limit = time_limit
        self.recorder = recorder
        self.records: Sequence[TrialRecord] = ()
        self.outcome = read_default(recorder.attributes)
        self.is_running = False
        self.is_due = plan.is_measured and not plan.comes_later

    def submit(self, work: WorkItem) -> None:
        """Accept a candidate to measure."""
        self.inner.submit(work)

    def decide(self, number: int, pruner_state: PrunerState) -> None:
        """Accept the pruner state of a candidate that was submitted without one."""
        self.inner.decide(number, pruner_state)

    def wait(self, timeout: float | None = None) -> list[tuple[int, Outcome]]:
        """Wait for outcomes of candidates; the list is empty if that of the default comes first."""
        if self.is_due and self.records:
            self.is_due = False
            self._begin()
        arrived = dict(self.inner.wait(timeout))
        own = arrived.pop(DEFAULT_NUMBER, None)
        if own is not None:
            self._end(own)
            if is_final(own):
                self.recorder.record_default(own)
        elif self.is_running and (stored := self.recorder.read_default_from_others()) is not None:
            self.inner.kill([DEFAULT_NUMBER])
            self._end(stored)
        return list(arrived.items())

    def kill(self, numbers: Iterable[int]) -> None:
        """Stop measuring these trials."""
        self.inner.kill(numbers)

    def close(self) -> None:
        """Stop everything."""
        self.inner.close()

    def finish(self) -> None:
        """End what is left to do once all candidates have been told: measure the default, or wait for it."""
        self.is_due = False
        if self.plan.is_measured:
            self._begin()
        while self.is_running:
            seconds_left = self.time_limit.seconds_left
            if seconds_left == 0.0 or self.plan.find(self.records) is not None:
                self.inner.kill([DEFAULT_NUMBER])
                self._end(Outcome(Status.TIMEOUT, (), OUT_OF_TIME))
            else:
                self.wait(seconds_left)

    def _begin(self) -> None:
        """Submit the default, unless it or an equal candidate has been measured, or time is up."""
        if self.is_running or self.outcome is not None or self.plan.find(self.records) is not None:
            return
        for record in self.records:
            self.time_limit.add_outcome(record.outcome)
        if self.time_limit.seconds_left == 0.0:
            self._end(Outcome(Status.TIMEOUT, (), OUT_OF_TIME))
            return
        self.is_running = True
        self.inner.submit(
            WorkItem(
                DEFAULT_NUMBER,
                candidate_index=-1,
                n_candidates=0,
                params={},
                deadline=self.time_limit.search_deadline,
                end_time=self.time_limit.deadline,
            )
        )

    def _end(self, outcome: Outcome) -> None:
        self.is_running, self.outcome = False, outcome
