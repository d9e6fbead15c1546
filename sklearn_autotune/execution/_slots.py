"""The base class of executors with several slots: the queue, parts of candidates, time limits, replacing dead slots.

A slot is a thread, or a process on this or another machine, with one worker. Outcomes are returned in the order in
which they arrive; the trial loop puts them in trial order.
"""

import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar

from sklearn_autotune.evaluation import Outcome, Progress, PrunerState, WorkItem
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.evaluation._work import decide_outcome, join_outcomes
from sklearn_autotune.execution._base import NO_LIMITS, TrialLimits

__all__ = ["BusyTimer", "Slot", "SlotExecutor"]

READY_POLL_SECONDS = 0.5  # interval between checks whether a worker has started

EXIT_CODE_PATTERN = re.compile(r"exit codes? of the workers? (?:are|is) \{(.*)\}")  # loky gives it only in its message


class BusyTimer:
    """Counts the seconds for which a worker has been busy with its candidate; they can be read at any time."""

    def __init__(self) -> None:
        self.previous_seconds = 0.0
        self.started_at: float | None = None
        self.is_ready = False

    def mark_ready(self, future: Any = None) -> None:
        """Count from now on, because the worker has started; the time before is not the candidate's."""
        self.is_ready = True
        if self.started_at is not None:
            self.started_at = time.monotonic()

    def start(self, future: Any, *, is_new_candidate: bool) -> None:
        """Count until the future is done; begin at 0 for a new candidate."""
        if is_new_candidate:
            self.previous_seconds = 0.0
        self.started_at = time.monotonic()
        future.add_done_callback(self._stop)

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        started_at = self.started_at  # another thread may set it to None
        if not self.is_ready or started_at is None:
            return self.previous_seconds
        return self.previous_seconds + time.monotonic() - started_at

    def _stop(self, future: Any) -> None:
        self.previous_seconds = self.seconds
        self.started_at = None


class Slot(Protocol):
    """A thread or process with one worker, which measures one candidate at a time.

    Attributes
    ----------
    clock : BusyTimer
    """

    @property
    def clock(self) -> BusyTimer:
        """Counts the seconds for which the worker is busy."""
        ...

    def start(self, work: WorkItem) -> Future[Outcome | Progress]:
        """Measure a candidate, or only its first step if the search's process decides on pruning.

        Raises
        ------
        BrokenExecutor
            If the worker has died. The future raises it too.
        """
        ...

    def advance(self) -> Future[Outcome | Progress]:
        """Take the candidate's next step."""
        ...

    def release(self) -> None:
        """Release the worker, which is idle and which this search does not need any more."""
        ...

    def kill(self) -> None:
        """End the worker."""
        ...


SlotType = TypeVar("SlotType", bound=Slot)


@dataclass(slots=True)
class _Candidate:
    """A candidate that has no outcome yet.

    Attributes
    ----------
    work : WorkItem
    parts : list of WorkItem
        In the order of their folds.
    outcomes : list of (Outcome or None)
        Those of the parts that have been measured.
    n_started : int
        Parts are started in their order.
    rest : WorkItem or None
        All parts that had not been started, if one slot measures them together.
    rest_outcome : Outcome or None
        The candidate's outcome, once the rest has been measured.
    """

    work: WorkItem
    parts: list[WorkItem]
    outcomes: list[Outcome | None] = field(init=False)
    n_started: int = 0
    rest: WorkItem | None = None
    rest_outcome: Outcome | None = None

    def __post_init__(self) -> None:
        self.outcomes = [None] * len(self.parts)

    @property
    def n_unknown(self) -> int:
        """How many results are not known that may make the next part unnecessary."""
        if not self.work.is_racing or self.n_started == 0:
            return 0
        n_measured = next((n for n, outcome in enumerate(self.outcomes) if outcome is None), len(self.parts))
        return max(0, self.n_started - n_measured) + (self.work.pruner_state is None)

    def take_next(self, *, takes_rest: bool) -> WorkItem:
        """Return the next part.

        Parameters
        ----------
        takes_rest : bool
            Whether it is to be the whole rest of the candidate, if the pruner state and all earlier scores are known.
            The worker then decides after each fold, which takes less time than asking the search's process.
        """
        if not takes_rest or self.n_unknown or not self.work.is_racing or self.work.pruner_state is None:
            self.n_started += 1
            return self.parts[self.n_started - 1]
        measured = [outcome for outcome in self.outcomes if outcome is not None]
        numbers = [number for part in self.parts[self.n_started :] for number in part.fold_numbers]
        subsamples = tuple(score for outcome in measured for score in outcome.subsamples)
        folds = tuple(score for outcome in measured for score in outcome.folds)
        progress = Progress(len(measured) - 1, len(self.parts), folds, subsamples=subsamples) if measured else None
        self.n_started = len(self.parts)
        self.rest = replace(self.work, fold_numbers=tuple(numbers), measured=progress)
        return self.rest

    def put_back(self, part: WorkItem) -> None:
        """Let a part that could not be started wait again."""
        self.n_started = next(n for n, each in enumerate(self.parts) if each.fold_numbers[:1] == part.fold_numbers[:1])
        self.rest = None

    def add(self, part: WorkItem, outcome: Outcome) -> None:
        """Add the outcome of a part."""
        if part is self.rest:
            self.rest_outcome = outcome
            return
        index = next(index for index, each in enumerate(self.parts) if each is part)
        self.outcomes[index] = outcome

    def join(self) -> Outcome | None:
        """Return the candidate's outcome, or None if the measured parts do not decide it."""
        if self.rest is not None:
            return self.rest_outcome
        return self.outcomes[0] if len(self.parts) == 1 else join_outcomes(self.work, self.outcomes)


class SlotExecutor(Generic[SlotType]):
    """Measures candidates in a fixed number of slots; each slot measures one candidate, or a part of one, at a time.

    Parameters
    ----------
    make_slot : callable
        Returns a new slot, or None if none is available now. It is called when a slot is first needed, and again after
        a slot has died.
    n_slots : int
    n_folds, n_parts : int
        The number of folds, and the number of parts into which a candidate is split. With fold racing, each fold is a
        part. First come the parts that are certainly needed, then those that other results may make unnecessary.
    limits : TrialLimits
    takes_rest : bool
        Whether one slot measures all that is left of a candidate, if it races and its pruner state is known. This keeps
        a few slots busy with the least effort, and many slots less busy, because the candidate takes longer.
    """

    def __init__(
        self,
        make_slot: Callable[[], SlotType | None],
        n_slots: int,
        n_folds: int = 1,
        n_parts: int = 1,
        limits: TrialLimits = NO_LIMITS,
        *,
        takes_rest: bool = False,
    ) -> None:
        self.make_slot = make_slot
        self.takes_rest = takes_rest
        self.limits = limits
        self.finished_seconds: defaultdict[int, float] = defaultdict(float)  # of parts that have ended
        self.n_folds = n_folds
        self.n_parts = n_parts
        self.candidates: dict[int, _Candidate] = {}
        self.decided: list[tuple[int, Outcome]] = []  # outcomes that became known between two calls of `wait`
        self.idle: list[SlotType] = []
        self.capacity = self.n_unstarted_slots = n_slots
        self.busy: dict[Future[Outcome | Progress], tuple[SlotType, WorkItem]] = {}

    @property
    def has_waiting(self) -> bool:
        """Whether a part waits for a slot."""
        return any(candidate.n_started < len(candidate.parts) for candidate in self.candidates.values())

    def submit(self, work: WorkItem) -> None:
        """Queue the candidate, split into parts if there are slots for them, and start it if a slot is free."""
        self.candidates[work.number] = _Candidate(work, work.split(self.n_folds, self.n_parts))
        self._start_waiting()

    def decide(self, number: int, pruner_state: PrunerState) -> None:
        """Set the pruner state of a candidate, which may already have been measured so far that it has an outcome."""
        if number in self.candidates:
            self.candidates[number].work = replace(self.candidates[number].work, pruner_state=pruner_state)
            self.decided += self._join_parts(number)
            self._start_waiting()

    def wait(self, timeout: float | None = None) -> list[tuple[int, Outcome]]:
        """Wait until an outcome arrives; outcomes of several candidates may arrive together."""
        arrived, self.decided = self.decided, []
        if arrived:
            timeout = 0.0
        finished, _ = wait(self.busy, timeout=self._compute_timeout(timeout), return_when=FIRST_COMPLETED)
        for future in sorted(finished, key=lambda future: self.busy[future][1].number):
            slot, work = self.busy.pop(future)
            outcome = self._collect_result(future, slot, work)
            if outcome is not None:
                self.finished_seconds[work.number] += slot.clock.seconds
                arrived += self._add_part(work, outcome)
        arrived += self._kill_overdue()
        self._start_waiting()
        return arrived

    def kill(self, numbers: Iterable[int]) -> None:
        """Drop waiting candidates and kill the slots of running ones."""
        killed = set(numbers)
        for future, (slot, work) in list(self.busy.items()):
            if work.number in killed:
                del self.busy[future]
                slot.kill()
                self.n_unstarted_slots += 1
        for number in killed:
            self.candidates.pop(number, None)
            self.finished_seconds.pop(number, None)
        self.decided = [(number, outcome) for number, outcome in self.decided if number not in killed]
        self._start_waiting()

    def close(self) -> None:
        """Release idle slots, and kill all others."""
        self.candidates.clear()
        calls = [slot.release for slot in self.idle] + [slot.kill for slot, _ in self.busy.values()]
        self.idle, self.busy, self.n_unstarted_slots = [], {}, 0
        _run_in_threads(calls)

    # -- limits --------------------------------------------------------------------------------------------------------

    def _get_running_slots(self) -> dict[int, list[SlotType]]:
        """Return the slots in which each candidate is being measured."""
        running: dict[int, list[SlotType]] = {}
        for slot, work in self.busy.values():
            running.setdefault(work.number, []).append(slot)
        return running

    def _count_seconds(self, number: int, slots: Iterable[SlotType] = ()) -> float:
        return self.finished_seconds[number] + sum(slot.clock.seconds for slot in slots)

    def _compute_timeout(self, timeout: float | None) -> float | None:
        """Return the seconds to wait: at most until a candidate may have used up its time."""
        if self.limits.seconds is None:
            return timeout
        left = [timeout] if timeout is not None else []
        for number, slots in self._get_running_slots().items():
            left.append(max(0.0, (self.limits.seconds - self._count_seconds(number, slots)) / len(slots)))
            if not all(slot.clock.is_ready for slot in slots):
                left.append(READY_POLL_SECONDS)
        return min(left, default=None)

    def _kill_overdue(self) -> list[tuple[int, Outcome]]:
        """Kill the candidates that have used up their time."""
        if self.limits.seconds is None:
            return []
        taken = {number: self._count_seconds(number, slots) for number, slots in self._get_running_slots().items()}
        overdue = {number: seconds for number, seconds in taken.items() if seconds >= self.limits.seconds}
        self.kill(overdue)
        reason = f"The candidate took longer than trial_timeout={self.limits.seconds:g} s, and its worker was ended."
        return [(number, Outcome(Status.FAILED, (), reason, seconds=seconds)) for number, seconds in overdue.items()]

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _add_part(self, part: WorkItem, outcome: Outcome) -> list[tuple[int, Outcome]]:
        """Add the outcome of a part; return the candidate's outcome as soon as the measured parts decide it."""
        if part.number not in self.candidates:
            return []  # already decided by its earlier folds
        self.candidates[part.number].add(part, outcome)
        return self._join_parts(part.number)

    def _join_parts(self, number: int) -> list[tuple[int, Outcome]]:
        known = self.candidates[number].join()
        if known is None:
            return []
        del self.candidates[number]
        seconds = self.finished_seconds.pop(number, 0.0)
        if known.status == Status.FAILED and not known.folds:
            known = replace(known, seconds=seconds)
        return [(number, known)]

    def _start_waiting(self) -> None:
        """Start parts while slots are free."""
        while self.idle or self.n_unstarted_slots:
            waiting = [each for each in self.candidates.values() if each.n_started < len(each.parts)]
            if not waiting:
                return
            if self.idle:
                slot = self.idle.pop()
            else:
                made = self.make_slot()
                if made is None:  # none is available now
                    return
                slot = made
                self.n_unstarted_slots -= 1
            candidate = min(waiting, key=_get_priority)
            part = candidate.take_next(takes_rest=self.takes_rest)
            try:
                future = slot.start(part.make_sendable())
            except BrokenExecutor:  # the worker died while idle, not because of this candidate
                slot.kill()
                self.n_unstarted_slots += 1
                candidate.put_back(part)
            else:
                slot.clock.start(future, is_new_candidate=True)
                self.busy[future] = (slot, part)

    def _collect_result(self, future: Future[Outcome | Progress], slot: SlotType, work: WorkItem) -> Outcome | None:
        """Return the outcome of a finished future, or None if the candidate has begun its next step."""
        try:
            result = future.result()
        except BrokenExecutor as error:
            slot.kill()
            self.n_unstarted_slots += 1
            found = EXIT_CODE_PATTERN.search(str(error))
            exit_status = found[1] if found else None
            return Outcome(Status.FAILED, (), f"The worker process died: {error}", exit_status=exit_status)
        except MemoryError as error:
            if self.limits.n_bytes is None:
                result = Outcome(Status.FAILED, (), str(error), exception=error)
            else:
                result = Outcome(Status.FAILED, (), f"MemoryError under memory_limit={self.limits.n_bytes}: {error}")
        except BaseException as error:
            # Raised only when it is this fold's turn: an earlier fold or candidate may make it irrelevant.
            result = Outcome(Status.FAILED, (), str(error), exception=error)
        if isinstance(result, Progress):
            verdict = decide_outcome(work, result)
            if verdict is None:
                step = slot.advance()
                slot.clock.start(step, is_new_candidate=False)
                self.busy[step] = (slot, work)
                return None
            result = verdict
        self.idle.append(slot)
        return result


def _get_priority(candidate: _Candidate) -> tuple[int, int]:
    """Return the sort key of the queue: by candidate, but parts that may turn out to be unnecessary come last."""
    return candidate.n_unknown, candidate.work.number


def _run_in_threads(calls: list[Callable[[], None]]) -> None:
    """Run slow calls in parallel, because ending many processes one after another would take long."""
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
