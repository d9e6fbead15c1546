"""What executors have in common: what they are asked for, what they promise, and how one is chosen."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Protocol, Self

from joblib import effective_n_jobs

from sklearn_autotune.evaluation import Evaluation, Outcome, WorkItem

__all__ = ["NO_LIMITS", "ExecutionRequest", "Executor", "ExecutorBackend", "TrialLimits"]


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

    def check_platform(self) -> None:
        """Raise ValueError if there is a limit that this operating system cannot keep."""
        if self.n_bytes is not None and not sys.platform.startswith("linux"):
            raise ValueError(f"memory_limit is kept by Linux only, and this is {sys.platform}. Use memory_limit=None.")


NO_LIMITS = TrialLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRequest:
    """What a search asks of an executor.

    Attributes
    ----------
    evaluation : Evaluation
    n_jobs : int or None
        None means 1 unless a ``joblib.parallel_config`` says otherwise; -1 means all processors.
    look_ahead : int
        How many candidates there will be at a time; if slots would be idle, candidates are split.
    limits : TrialLimits
        Enforced by ending worker processes, or by the system in them: with a limit, one job has a worker process too.
    executor : object
        As the user gave it: a Dask client, the address of a scheduler, or None.
    allows_cluster : bool
        Whether the evaluation may be sent to other machines.
    n_threads_per_candidate : int or None
        How many processors the evaluation itself uses for one candidate, outside Python's lock. Candidates are measured
        in threads then, as many at a time as leave each its processors. None means one, with ``n_jobs`` candidates at a
        time.
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
        """How many candidates, or parts of candidates, are to be measured at a time on this machine."""
        n_processors = int(effective_n_jobs(self.n_jobs))
        if self.n_threads_per_candidate is None:
            return n_processors
        return max(1, min(n_processors // self.n_threads_per_candidate, self.look_ahead))

    @property
    def n_parts(self) -> int:
        """Into how many parts a candidate is split, to keep all slots busy."""
        # Twice as many parts as slots: outcomes are told in order, and slots should not wait for the slowest candidate.
        return ceil(2 * self.n_slots / self.look_ahead)


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


class ExecutorBackend(Executor, Protocol):
    """A variety of executor: what a new one has to offer to stand in ``BACKENDS``."""

    @classmethod
    def accepts(cls, request: ExecutionRequest) -> bool:
        """Whether this executor is the one for the request, if none before it is."""
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
