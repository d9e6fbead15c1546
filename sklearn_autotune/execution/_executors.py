"""Where trials run: in this process, or in local slots of one worker each.

An executor is handed work and gives back outcomes in whatever order they arrive; putting them in order is the
business of whoever tells the study.
"""

import os
import re
import shutil
import sys
import tempfile
import threading
import time
import warnings
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any, Protocol

from joblib import cpu_count, effective_n_jobs
from joblib.externals.loky import ProcessPoolExecutor
from joblib.parallel import get_active_backend
from sklearn import get_config, set_config

from sklearn_autotune.evaluation import Evaluation, NoPruningState, Outcome, Progress, WorkItem, measure
from sklearn_autotune.evaluation._base import join, judge
from sklearn_autotune.execution._worker import Worker, advance, pack, prepare_process, start

__all__ = [
    "NO_LIMITS",
    "BusyTimer",
    "Executor",
    "InProcessExecutor",
    "ProcessExecutor",
    "SlotExecutor",
    "TrialLimits",
    "make_executor",
    "make_thread_executor",
]

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",  # what joblib takes n_jobs=-1 to mean
)


PASS_ON_SECONDS = 1.0
READY_SECONDS = 0.5  # how often to look whether a worker that is starting has begun

EXIT = re.compile(r"exit codes? of the workers? (?:are|is) \{(.*)\}")  # loky says it in words only


@dataclass(frozen=True, slots=True)
class TrialLimits:
    """What one candidate may take at most; None sets no limit.

    Attributes
    ----------
    seconds : float or None
        In workers, all its folds together.
    n_bytes : int or None
        Beyond what its worker holds before the first candidate.
    """

    seconds: float | None = None
    n_bytes: int | None = None

    @property
    def are_set(self) -> bool:
        """Whether there is any."""
        return self.seconds is not None or self.n_bytes is not None


NO_LIMITS = TrialLimits()


class Executor(Protocol):
    """Runs work somewhere.

    Attributes
    ----------
    capacity : int
        How many candidates it can work on at a time; others wait in a queue.
    """

    capacity: int

    def submit(self, work: WorkItem) -> None:
        """Take a candidate; it may have to wait for a free place."""
        ...

    def wait(self, timeout: float | None = None) -> list[tuple[int, Outcome]]:
        """Return the trial numbers and outcomes that have arrived; empty if ``timeout`` seconds passed."""
        ...

    def kill(self, numbers: Iterable[int]) -> None:
        """Give up these trials; no outcome of theirs will arrive."""
        ...

    def close(self) -> None:
        """Give up everything and leave no process, thread or file behind."""
        ...


def make_executor(
    evaluation: Evaluation, n_jobs: int | None, look_ahead: int, limits: TrialLimits = NO_LIMITS
) -> Executor:
    """Choose the executor that joblib's conventions ask for.

    Parameters
    ----------
    evaluation : Evaluation
    n_jobs : int or None
        None means 1 unless a ``joblib.parallel_config`` says otherwise; -1 means all processors.
    look_ahead : int
        How many candidates there will be to work on at a time; where slots would stand idle, candidates are cut up.
    limits : TrialLimits
        Kept by ending worker processes, or by the system in them: with a limit, one job has a worker process too.

    Returns
    -------
    executor : Executor
        In this process for one job, threads under a threading backend, and worker processes else.

    Raises
    ------
    ValueError
        If the backend is not known, or a limit cannot be kept.
    """
    backend, _ = get_active_backend()
    n_slots = effective_n_jobs(n_jobs)
    if n_slots == 1 and not limits.are_set:
        return InProcessExecutor(evaluation)
    # Twice as many parts as slots: outcomes are told in order, and nobody should wait for the slowest candidate.
    n_parts = ceil(2 * n_slots / look_ahead)
    if limits.n_bytes is not None and not sys.platform.startswith("linux"):
        raise ValueError(f"memory_limit is kept by Linux only, and this is {sys.platform}. Use memory_limit=None.")
    if n_slots == 1:
        return ProcessExecutor(evaluation, 1, n_parts, limits)
    if getattr(backend, "supports_sharedmem", False):
        if limits.are_set:
            raise ValueError(
                "trial_timeout and memory_limit need worker processes, for a thread cannot be ended. Use "
                "joblib.parallel_config(backend='loky'), or n_jobs=1, which is given a worker process."
            )
        config = get_config()
        return SlotExecutor(lambda: _ThreadSlot(evaluation, config), n_slots, evaluation.n_folds, n_parts)
    name = type(backend).__name__
    if name not in ("LokyBackend", "MultiprocessingBackend"):
        raise ValueError(
            f"OptunaSearchCV cannot run on joblib's {name}. Use joblib.parallel_config(backend='loky'), 'threading' or "
            "'dask'."
        )
    return ProcessExecutor(evaluation, n_slots, n_parts, limits)


def make_thread_executor(evaluation: Evaluation, n_slots: int) -> Executor:
    """Choose the executor of an evaluation that keeps processors busy itself, with so many candidates at a time."""
    if n_slots == 1:
        return InProcessExecutor(evaluation)
    config = get_config()
    return SlotExecutor(lambda: _ThreadSlot(evaluation, config), n_slots, evaluation.n_folds)


class InProcessExecutor:
    """Runs the work here, one candidate after the other; there is nothing to kill."""

    capacity = 1

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.queue: deque[WorkItem] = deque()

    def submit(self, work: WorkItem) -> None:
        """Queue the candidate."""
        self.queue.append(work)

    def wait(self, timeout: float | None = None) -> list[tuple[int, Outcome]]:
        """Measure the next candidate; the time limit is kept between its steps."""
        work = self.queue.popleft()
        return [(work.number, measure(self.evaluation, work))]

    def kill(self, numbers: Iterable[int]) -> None:
        """Take the candidates out of the queue."""
        gone = set(numbers)
        self.queue = deque(work for work in self.queue if work.number not in gone)

    def close(self) -> None:
        """Forget the queue."""
        self.queue.clear()


class BusyTimer:
    """Counts the seconds for which a worker is busy with a candidate, whenever that is looked at."""

    def __init__(self) -> None:
        self.seconds_before = 0.0
        self.began: float | None = None
        self.is_ready = False

    def note_ready(self, future: Any = None) -> None:
        """The worker has started: from now on it is the candidate that takes time."""
        self.is_ready = True
        if self.began is not None:
            self.began = time.monotonic()

    def start(self, future: Any, *, afresh: bool) -> None:
        """Count until the future is done, from 0 if another candidate is begun."""
        if afresh:
            self.seconds_before = 0.0
        self.began = time.monotonic()
        future.add_done_callback(self._stop)

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        began = self.began
        is_running = self.is_ready and began is not None
        return self.seconds_before + (time.monotonic() - began if is_running else 0.0)  # type: ignore[operator]

    def _stop(self, future: Any) -> None:
        self.seconds_before = self.seconds
        self.began = None


class _ThreadSlot:
    """One thread with one worker."""

    def __init__(self, evaluation: Evaluation, config: dict[str, Any]) -> None:
        self.worker = Worker(evaluation)
        self.pool = ThreadPoolExecutor(max_workers=1, initializer=lambda: set_config(**config))
        self.clock = BusyTimer()
        self.clock.note_ready()

    def start(self, work: WorkItem) -> Future:
        return self.pool.submit(self.worker.start, work)

    def advance(self) -> Future:
        return self.pool.submit(self.worker.advance)

    def kill(self) -> None:
        # A thread cannot be ended from outside: what it is doing runs out unseen.
        self.pool.shutdown(wait=False, cancel_futures=True)


class _ProcessSlot:
    """One process with one worker: its death, or its killing, hits one trial and nothing else."""

    def __init__(self, initargs: tuple[Any, ...], env: dict[str, str]) -> None:
        self.pool = ProcessPoolExecutor(max_workers=1, initializer=prepare_process, initargs=initargs, env=env)
        self.clock = BusyTimer()
        self.future: Future = self.pool.submit(os.getpid)
        self.future.add_done_callback(self.clock.note_ready)

    def start(self, work: WorkItem) -> Future:
        self.future = self.pool.submit(start, work)
        return self.future

    def advance(self) -> Future:
        self.future = self.pool.submit(advance)
        return self.future

    def kill(self) -> None:
        # loky's own thread fails if its pool is ended before it has passed on the work.
        give_up = time.monotonic() + PASS_ON_SECONDS
        while not (self.future.running() or self.future.done()) and time.monotonic() < give_up:
            time.sleep(0.001)
        self.pool.shutdown(wait=True, kill_workers=True)


class SlotExecutor:
    """A fixed number of slots; each holds one candidate at a time, or one part of it.

    Parameters
    ----------
    make_slot : callable
        Returns a fresh slot, or None if there is no place for one now; called when a slot is first needed, and again
        when one has died.
    n_slots : int
    n_folds, n_parts : int
        Into how many parts, of so many folds in all, a candidate is cut. One that races is cut into folds.
    limits : TrialLimits
    """

    def __init__(
        self,
        make_slot: Callable[[], Any],
        n_slots: int,
        n_folds: int = 1,
        n_parts: int = 1,
        limits: TrialLimits = NO_LIMITS,
    ) -> None:
        self.make_slot = make_slot
        self.limits = limits
        self.spent: defaultdict[int, float] = defaultdict(float)  # seconds, of parts that have ended
        self.n_folds = n_folds
        self.n_parts = n_parts
        self.awaited: dict[int, tuple[WorkItem, dict[tuple[int, ...], Outcome | None]]] = {}
        self.idle: list[Any] = []
        self.capacity = self.n_unopened = n_slots
        self.queue: deque[WorkItem] = deque()
        self.busy: dict[Future, tuple[Any, WorkItem]] = {}

    def submit(self, work: WorkItem) -> None:
        """Queue the candidate, in parts if there are slots for them, and start it if a slot is free."""
        is_racing = not isinstance(work.pruner_state, NoPruningState)
        parts = work.parts(self.n_folds, self.n_folds if is_racing else self.n_parts)
        self.awaited[work.number] = work, {part.only: None for part in parts}
        self.queue.extend(parts)
        self._start_queued()

    def wait(self, timeout: float | None = None) -> list[tuple[int, Outcome]]:
        """Wait until something arrives; outcomes of several candidates may arrive together."""
        arrived: list[tuple[int, Outcome]] = []
        finished, _ = wait(self.busy, timeout=self._patience(timeout), return_when=FIRST_COMPLETED)
        for future in sorted(finished, key=lambda future: self.busy[future][1].number):
            slot, work = self.busy.pop(future)
            outcome = self._outcome(future, slot, work)
            if outcome is not None:
                self.spent[work.number] += slot.clock.seconds
                arrived += self._join(work, outcome)
        arrived += self._end_overdue()
        self._start_queued()
        return arrived

    def kill(self, numbers: Iterable[int]) -> None:
        """Drop queued candidates and kill the slots of running ones."""
        gone = set(numbers)
        self.queue = deque(work for work in self.queue if work.number not in gone)
        for future, (slot, work) in list(self.busy.items()):
            if work.number in gone:
                del self.busy[future]
                slot.kill()
                self.n_unopened += 1
        for number in gone:
            self.awaited.pop(number, None)
            self.spent.pop(number, None)
        self._start_queued()

    def close(self) -> None:
        """Kill all slots."""
        self.queue.clear()
        slots = [*self.idle, *(slot for slot, _ in self.busy.values())]
        self.idle, self.busy, self.n_unopened = [], {}, 0
        _all_at_once([slot.kill for slot in slots])

    # -- limits --------------------------------------------------------------------------------------------------------

    def _running(self) -> dict[int, list[Any]]:
        """Return the slots in which each candidate is being measured."""
        running: dict[int, list[Any]] = {}
        for slot, work in self.busy.values():
            running.setdefault(work.number, []).append(slot)
        return running

    def _seconds(self, number: int, slots: Iterable[Any] = ()) -> float:
        return self.spent[number] + sum(slot.clock.seconds for slot in slots)

    def _patience(self, timeout: float | None) -> float | None:
        """Seconds to wait: until a candidate may have had its time."""
        if self.limits.seconds is None:
            return timeout
        left = [timeout] if timeout is not None else []
        for number, slots in self._running().items():
            left.append(max(0.0, (self.limits.seconds - self._seconds(number, slots)) / len(slots)))
            if not all(slot.clock.is_ready for slot in slots):
                left.append(READY_SECONDS)
        return min(left, default=None)

    def _end_overdue(self) -> list[tuple[int, Outcome]]:
        """End the candidates that have had their time."""
        if self.limits.seconds is None:
            return []
        taken = {number: self._seconds(number, slots) for number, slots in self._running().items()}
        overdue = {number: seconds for number, seconds in taken.items() if seconds >= self.limits.seconds}
        self.kill(overdue)
        reason = f"The candidate took longer than trial_timeout={self.limits.seconds:g} s, and its worker was ended."
        return [(number, Outcome("failed", (), reason, seconds=seconds)) for number, seconds in overdue.items()]

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _join(self, part: WorkItem, outcome: Outcome) -> list[tuple[int, Outcome]]:
        """Note the outcome of a part; return the candidate's as soon as the parts measured decide it."""
        if part.number not in self.awaited:
            return []  # decided by its earlier folds
        work, parts = self.awaited[part.number]
        parts[part.only] = outcome
        known = outcome if len(parts) == 1 else join(work, list(parts.values()))
        if known is None:
            return []
        del self.awaited[part.number]
        self.queue = deque(queued for queued in self.queue if queued.number != part.number)
        seconds = self.spent.pop(part.number, 0.0)
        if known.status == "failed" and not known.folds:
            known = replace(known, seconds=seconds)
        return [(part.number, known)]

    def _start_queued(self) -> None:
        while self.queue and (self.idle or self.n_unopened):
            if self.idle:
                slot = self.idle.pop()
            else:
                slot = self.make_slot()
                if slot is None:  # there is no place for it now
                    return
                self.n_unopened -= 1
            work = min(self.queue, key=_urgency)
            try:
                future = slot.start(work.to_send())
            except BrokenExecutor:  # its worker died while it was waiting: no candidate's fault
                slot.kill()
                self.n_unopened += 1
            else:
                self.queue.remove(work)
                slot.clock.start(future, afresh=True)
                self.busy[future] = (slot, work)

    def _outcome(self, future: Future, slot: Any, work: WorkItem) -> Outcome | None:
        """Return how the candidate ended, or None if it has been sent to take another step."""
        try:
            result = future.result()
        except BrokenExecutor as error:
            slot.kill()
            self.n_unopened += 1
            found = EXIT.search(str(error))
            exit_status = found[1] if found else None
            return Outcome("failed", (), f"The worker process died: {error}", exit_status=exit_status)
        except MemoryError as error:
            if self.limits.n_bytes is None:
                result = Outcome("failed", (), str(error), exception=error)
            else:
                result = Outcome("failed", (), f"MemoryError under memory_limit={self.limits.n_bytes}: {error}")
        except BaseException as error:
            # An earlier fold may show this one to have been for nothing, and an earlier candidate may end the search.
            result = Outcome("failed", (), str(error), exception=error)
        if isinstance(result, Progress):
            verdict = judge(work, result)
            if verdict is None:
                step = slot.advance()
                slot.clock.start(step, afresh=False)
                self.busy[step] = (slot, work)
                return None
            result = verdict
        self.idle.append(slot)
        return result


class ProcessExecutor(SlotExecutor):
    """Slots of one worker process each; the data is written once and mapped by all of them."""

    def __init__(self, evaluation: Evaluation, n_slots: int, n_parts: int = 1, limits: TrialLimits = NO_LIMITS) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sklearn_autotune_"))
        try:
            pack(evaluation, self.folder)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        initargs = (str(self.folder), os.getpid(), get_config(), list(warnings.filters), limits.n_bytes)
        threads = str(max(1, cpu_count() // n_slots))
        env = {name: os.environ.get(name, threads) for name in THREAD_VARIABLES}
        super().__init__(lambda: _ProcessSlot(initargs, env), n_slots, evaluation.n_folds, n_parts, limits)

    def close(self) -> None:
        """Kill all worker processes and remove the shared files."""
        try:
            super().close()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def _urgency(work: WorkItem) -> tuple[int, int]:
    """Sort what waits: candidates in their order, but a later fold in a race, perhaps for nothing, after first ones."""
    place = work.only[0] if work.only and work.races else 0
    return place, work.number


def _all_at_once(calls: list[Callable[[], None]]) -> None:
    """Run slow calls side by side: ending a process takes a moment, and there may be many."""
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
