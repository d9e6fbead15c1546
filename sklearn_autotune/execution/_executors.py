"""Executors measure candidates in this process, or in local slots (threads or processes) with one worker each.

An executor receives work items, and returns outcomes in the order in which they arrive. The trial loop puts them in
trial order.
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
from sklearn_autotune.evaluation._base import decide_outcome, join_parts
from sklearn_autotune.execution._worker import Worker, advance_work, prepare_process, save_evaluation, start_work

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


MAX_SUBMIT_SECONDS = 1.0
READY_POLL_SECONDS = 0.5  # how often to check whether a worker has started

EXIT_CODE_PATTERN = re.compile(r"exit codes? of the workers? (?:are|is) \{(.*)\}")  # loky gives it only in its message


@dataclass(frozen=True, slots=True)
class TrialLimits:
    """The time and memory that one candidate may use; None sets no limit.

    Attributes
    ----------
    seconds : float or None
        Time in workers, summed over all its folds.
    n_bytes : int or None
        Memory in addition to what its worker uses before the first candidate.
    """

    seconds: float | None = None
    n_bytes: int | None = None

    @property
    def has_limit(self) -> bool:
        """Whether any limit is set."""
        return self.seconds is not None or self.n_bytes is not None


NO_LIMITS = TrialLimits()


class Executor(Protocol):
    """Measures candidates.

    Attributes
    ----------
    capacity : int
        How many candidates it can work on at a time; others wait in a queue.
    """

    capacity: int

    def submit(self, work: WorkItem) -> None:
        """Accept a candidate; it may have to wait in a queue."""
        ...

    def wait(self, timeout: float | None = None) -> list[tuple[int, Outcome]]:
        """Return the trial numbers and outcomes that have arrived; empty if ``timeout`` seconds passed."""
        ...

    def kill(self, numbers: Iterable[int]) -> None:
        """Stop measuring these trials; none of their outcomes will be returned."""
        ...

    def close(self) -> None:
        """Stop everything and leave no process, thread or file behind."""
        ...


def make_executor(
    evaluation: Evaluation, n_jobs: int | None, look_ahead: int, limits: TrialLimits = NO_LIMITS
) -> Executor:
    """Choose the executor by joblib's conventions.

    Parameters
    ----------
    evaluation : Evaluation
    n_jobs : int or None
        None means 1 unless a ``joblib.parallel_config`` says otherwise; -1 means all processors.
    look_ahead : int
        How many candidates there will be at a time; if slots would be idle, candidates are split.
    limits : TrialLimits
        Enforced by ending worker processes, or by the system in them: with a limit, one job has a worker process too.

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
    if n_slots == 1 and not limits.has_limit:
        return InProcessExecutor(evaluation)
    # Twice as many parts as slots: outcomes are told in order, and slots should not wait for the slowest candidate.
    n_parts = ceil(2 * n_slots / look_ahead)
    if limits.n_bytes is not None and not sys.platform.startswith("linux"):
        raise ValueError(f"memory_limit is kept by Linux only, and this is {sys.platform}. Use memory_limit=None.")
    if n_slots == 1:
        return ProcessExecutor(evaluation, 1, n_parts, limits)
    if getattr(backend, "supports_sharedmem", False):
        if limits.has_limit:
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
    """Choose the executor of an evaluation that is parallel itself, for ``n_slots`` candidates at a time."""
    if n_slots == 1:
        return InProcessExecutor(evaluation)
    config = get_config()
    return SlotExecutor(lambda: _ThreadSlot(evaluation, config), n_slots, evaluation.n_folds)


class InProcessExecutor:
    """Measures candidates in this process, one after another."""

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
        killed = set(numbers)
        self.queue = deque(work for work in self.queue if work.number not in killed)

    def close(self) -> None:
        """Forget the queue."""
        self.queue.clear()


class BusyTimer:
    """Counts the seconds for which a worker is busy with a candidate, whenever that is looked at."""

    def __init__(self) -> None:
        self.previous_seconds = 0.0
        self.started_at: float | None = None
        self.is_ready = False

    def mark_ready(self, future: Any = None) -> None:
        """The worker has started: from now on it is the candidate that takes time."""
        self.is_ready = True
        if self.started_at is not None:
            self.started_at = time.monotonic()

    def start(self, future: Any, *, is_new_candidate: bool) -> None:
        """Count until the future is done, from 0 if another candidate is begun."""
        if is_new_candidate:
            self.previous_seconds = 0.0
        self.started_at = time.monotonic()
        future.add_done_callback(self._stop)

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        started_at = self.started_at
        is_running = self.is_ready and started_at is not None
        return self.previous_seconds + (time.monotonic() - started_at if is_running else 0.0)  # type: ignore[operator]

    def _stop(self, future: Any) -> None:
        self.previous_seconds = self.seconds
        self.started_at = None


class _ThreadSlot:
    """One thread with one worker."""

    def __init__(self, evaluation: Evaluation, config: dict[str, Any]) -> None:
        self.worker = Worker(evaluation)
        self.pool = ThreadPoolExecutor(max_workers=1, initializer=lambda: set_config(**config))
        self.clock = BusyTimer()
        self.clock.mark_ready()

    def start(self, work: WorkItem) -> Future:
        return self.pool.submit(self.worker.start, work)

    def advance(self) -> Future:
        return self.pool.submit(self.worker.advance)

    def kill(self) -> None:
        # A thread cannot be ended from outside: it finishes what it is doing, and the result is ignored.
        self.pool.shutdown(wait=False, cancel_futures=True)


class _ProcessSlot:
    """One process with one worker: if the process dies or is killed, only one trial is affected."""

    def __init__(self, initargs: tuple[Any, ...], env: dict[str, str]) -> None:
        self.pool = ProcessPoolExecutor(max_workers=1, initializer=prepare_process, initargs=initargs, env=env)
        self.clock = BusyTimer()
        self.future: Future = self.pool.submit(os.getpid)
        self.future.add_done_callback(self.clock.mark_ready)

    def start(self, work: WorkItem) -> Future:
        self.future = self.pool.submit(start_work, work)
        return self.future

    def advance(self) -> Future:
        self.future = self.pool.submit(advance_work)
        return self.future

    def kill(self) -> None:
        # loky's own thread fails if its pool is shut down before it has submitted the work.
        latest_time = time.monotonic() + MAX_SUBMIT_SECONDS
        while not (self.future.running() or self.future.done()) and time.monotonic() < latest_time:
            time.sleep(0.001)
        self.pool.shutdown(wait=True, kill_workers=True)


class SlotExecutor:
    """Measures candidates in a fixed number of slots; each measures one candidate, or one part of it, at a time.

    Parameters
    ----------
    make_slot : callable
        Returns a new slot, or None if none is available now. It is called when a slot is first needed, and again when
        one has died.
    n_slots : int
    n_folds, n_parts : int
        The number of folds, and the number of parts into which a candidate is split. With fold racing, each fold is a
        part.
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
        self.finished_seconds: defaultdict[int, float] = defaultdict(float)  # seconds, of parts that have ended
        self.n_folds = n_folds
        self.n_parts = n_parts
        self.pending: dict[int, tuple[WorkItem, dict[tuple[int, ...], Outcome | None]]] = {}
        self.idle: list[Any] = []
        self.capacity = self.n_unstarted_slots = n_slots
        self.queue: deque[WorkItem] = deque()
        self.busy: dict[Future, tuple[Any, WorkItem]] = {}

    def submit(self, work: WorkItem) -> None:
        """Queue the candidate, in parts if there are slots for them, and start it if a slot is free."""
        is_racing = not isinstance(work.pruner_state, NoPruningState)
        parts = work.split_folds(self.n_folds, self.n_folds if is_racing else self.n_parts)
        self.pending[work.number] = work, {part.fold_numbers: None for part in parts}
        self.queue.extend(parts)
        self._start_queued()

    def wait(self, timeout: float | None = None) -> list[tuple[int, Outcome]]:
        """Wait until something arrives; outcomes of several candidates may arrive together."""
        arrived: list[tuple[int, Outcome]] = []
        finished, _ = wait(self.busy, timeout=self._compute_timeout(timeout), return_when=FIRST_COMPLETED)
        for future in sorted(finished, key=lambda future: self.busy[future][1].number):
            slot, work = self.busy.pop(future)
            outcome = self._collect_result(future, slot, work)
            if outcome is not None:
                self.finished_seconds[work.number] += slot.clock.seconds
                arrived += self._add_part(work, outcome)
        arrived += self._kill_overdue()
        self._start_queued()
        return arrived

    def kill(self, numbers: Iterable[int]) -> None:
        """Drop queued candidates and kill the slots of running ones."""
        killed = set(numbers)
        self.queue = deque(work for work in self.queue if work.number not in killed)
        for future, (slot, work) in list(self.busy.items()):
            if work.number in killed:
                del self.busy[future]
                slot.kill()
                self.n_unstarted_slots += 1
        for number in killed:
            self.pending.pop(number, None)
            self.finished_seconds.pop(number, None)
        self._start_queued()

    def close(self) -> None:
        """Kill all slots."""
        self.queue.clear()
        slots = [*self.idle, *(slot for slot, _ in self.busy.values())]
        self.idle, self.busy, self.n_unstarted_slots = [], {}, 0
        _run_in_threads([slot.kill for slot in slots])

    # -- limits --------------------------------------------------------------------------------------------------------

    def _get_running_slots(self) -> dict[int, list[Any]]:
        """Return the slots in which each candidate is being measured."""
        running: dict[int, list[Any]] = {}
        for slot, work in self.busy.values():
            running.setdefault(work.number, []).append(slot)
        return running

    def _count_seconds(self, number: int, slots: Iterable[Any] = ()) -> float:
        return self.finished_seconds[number] + sum(slot.clock.seconds for slot in slots)

    def _compute_timeout(self, timeout: float | None) -> float | None:
        """Seconds to wait: until a candidate may have had its time."""
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
        return [(number, Outcome("failed", (), reason, seconds=seconds)) for number, seconds in overdue.items()]

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _add_part(self, part: WorkItem, outcome: Outcome) -> list[tuple[int, Outcome]]:
        """Add the outcome of a part; return the candidate's outcome as soon as the measured parts decide it."""
        if part.number not in self.pending:
            return []  # already decided by its earlier folds
        work, parts = self.pending[part.number]
        parts[part.fold_numbers] = outcome
        known = outcome if len(parts) == 1 else join_parts(work, list(parts.values()))
        if known is None:
            return []
        del self.pending[part.number]
        self.queue = deque(queued for queued in self.queue if queued.number != part.number)
        seconds = self.finished_seconds.pop(part.number, 0.0)
        if known.status == "failed" and not known.folds:
            known = replace(known, seconds=seconds)
        return [(part.number, known)]

    def _start_queued(self) -> None:
        while self.queue and (self.idle or self.n_unstarted_slots):
            if self.idle:
                slot = self.idle.pop()
            else:
                slot = self.make_slot()
                if slot is None:  # none is available now
                    return
                self.n_unstarted_slots -= 1
            work = min(self.queue, key=_get_priority)
            try:
                future = slot.start(work.make_sendable())
            except BrokenExecutor:  # the worker died while idle, not because of this candidate
                slot.kill()
                self.n_unstarted_slots += 1
            else:
                self.queue.remove(work)
                slot.clock.start(future, is_new_candidate=True)
                self.busy[future] = (slot, work)

    def _collect_result(self, future: Future, slot: Any, work: WorkItem) -> Outcome | None:
        """Return the outcome of a finished future, or None if the candidate has been sent to take its next step."""
        try:
            result = future.result()
        except BrokenExecutor as error:
            slot.kill()
            self.n_unstarted_slots += 1
            found = EXIT_CODE_PATTERN.search(str(error))
            exit_status = found[1] if found else None
            return Outcome("failed", (), f"The worker process died: {error}", exit_status=exit_status)
        except MemoryError as error:
            if self.limits.n_bytes is None:
                result = Outcome("failed", (), str(error), exception=error)
            else:
                result = Outcome("failed", (), f"MemoryError under memory_limit={self.limits.n_bytes}: {error}")
        except BaseException as error:
            # An earlier fold may make this one unnecessary, and an earlier candidate may end the search.
            result = Outcome("failed", (), str(error), exception=error)
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


class ProcessExecutor(SlotExecutor):
    """Measures candidates in worker processes; the data is written once and mapped by all of them."""

    def __init__(self, evaluation: Evaluation, n_slots: int, n_parts: int = 1, limits: TrialLimits = NO_LIMITS) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sklearn_autotune_"))
        try:
            save_evaluation(evaluation, self.folder)
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


def _get_priority(work: WorkItem) -> tuple[int, int]:
    """Sort the queue by candidate, but put later folds that racing may make unnecessary after all first folds."""
    first_fold = work.fold_numbers[0] if work.fold_numbers and work.is_speculative else 0
    return first_fold, work.number


def _run_in_threads(calls: list[Callable[[], None]]) -> None:
    """Run slow calls in parallel: ending many processes one after another would take long."""
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
