"""What executors have in common: the request that a search makes, and the methods that every executor has."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Protocol, Self

from joblib import effective_n_jobs

from sklearn_autotune.evaluation import Evaluation, Outcome, PrunerState, WorkItem

__all__ = ["MIN_MEMORY_LIMIT", "NO_LIMITS", "ExecutionRequest", "Executor", "ExecutorBackend", "TrialLimits"]

# Bytes. With less, a worker process cannot start a thread to say what went wrong.
MIN_MEMORY_LIMIT = 2**24


@dataclass(frozen=True, slots=True)
class TrialLimits:
    """The time and memory that one candidate may use; None sets no limit.

    Attributes
    ----------
    seconds : float or None
        The time that workers spend on it, summed over its folds.
    n_bytes : int or None
        The memory that its worker may use in addition to what the worker used before the first candidate.
    """

    seconds: float | None = None
    n_bytes: int | None = None

    @property
    def has_limit(self) -> bool:
        """Whether any limit is set."""
        return self.seconds is not None or self.n_bytes is not None

    def check_platform(self) -> None:
        """Raise ValueError if this operating system cannot enforce a limit that is set."""
        if self.n_bytes is not None and not sys.platform.startswith("linux"):
            raise ValueError(f"memory_limit works only on Linux, and this is {sys.platform}. Use memory_limit=None.")


NO_LIMITS = TrialLimits()

# At least so many candidates have a known pruner state at a time (`PRUNER_LAG` of the trial loop).
MAX_SLOTS_FOR_RESTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRequest:
    """What a search asks of an executor.

    Attributes
    ----------
    evaluation : Evaluation
    n_jobs : int or None
        None means 1 unless ``joblib.parallel_config`` sets another number; -1 means all processors.
    look_ahead : int
        The number of candidates under way at a time. If this would leave slots idle, candidates are split.
    limits : TrialLimits
        A time limit is enforced by ending the worker process, a memory limit by the operating system. So with a limit,
        even one job has a worker process.
    executor : object
        The user's value: a Dask client, the address of a scheduler, or None.
    allows_cluster : bool
        Whether the evaluation may be sent to other machines.
    n_threads_per_candidate : int or None
        The number of processors that the evaluation itself uses for one candidate, in code that releases Python's
        global lock. Candidates are then measured in threads, only as many at a time as there are processors for. None
        means one processor per candidate, and ``n_jobs`` candidates at a time.
    """

    evaluation: Evaluation
    n_jobs: int | None = None
    look_ahead: int = 2
    limits: TrialLimits = NO_LIMITS
    executor: object = None
    allows_cluster: bool = False
    n_threads_per_candidate: int | None = None

    @property
    def n_slots(self) -> int:
        """The number of candidates, or parts of candidates, to measure at a time on this machine."""
        n_processors = int(effective_n_jobs(self.n_jobs))
        if self.n_threads_per_candidate is None:
            return n_processors
        return max(1, min(n_processors // self.n_threads_per_candidate, self.look_ahead))

    @property
    def takes_rest(self) -> bool:
        """Whether one slot measures all that is left of a candidate, because that keeps so few slots busy."""
        return self.n_slots <= MAX_SLOTS_FOR_RESTS

    @property
    def n_parts(self) -> int:
        """The number of parts into which a candidate is split, so that all slots are busy."""
        # Twice as many parts as slots: trials are told in order, so with fewer parts slots would wait for a slow one.
        return ceil(2 * self.n_slots / self.look_ahead)


class Executor(Protocol):
    """Measures candidates.

    Attributes
    ----------
    capacity : int
        The number of candidates that it can measure at a time; others wait in a queue.
    """

    capacity: int

    def submit(self, work: WorkItem) -> None:
        """Accept a candidate to measure; it may wait in a queue."""
        ...

    def decide(self, number: int, pruner_state: PrunerState) -> None:
        """Accept the pruner state of a candidate that was submitted without one.

        The oldest candidate that is running always has one.
        """
        ...

    def wait(self, timeout: float | None = None) -> list[tuple[int, Outcome]]:
        """Wait for outcomes; return them with their trial numbers, or an empty list after ``timeout`` seconds."""
        ...

    def kill(self, numbers: Iterable[int]) -> None:
        """Stop measuring these trials; none of their outcomes will be returned."""
        ...

    def close(self) -> None:
        """Stop everything and leave no process, thread or file behind."""
        ...


class ExecutorBackend(Executor, Protocol):
    """A kind of executor: the methods that a class in ``BACKENDS`` must have."""

    @classmethod
    def accepts(cls, request: ExecutionRequest) -> bool:
        """Whether to use this executor for the request, if no earlier one in ``BACKENDS`` accepts it."""
        ...

    @classmethod
    def from_request(cls, request: ExecutionRequest) -> Self:
        """Make the executor.

        Raises
        ------
        ValueError, TypeError
            If the request asks for what this executor cannot do.
        """
        ...
