"""An executor in this process: candidates are measured one after another."""

import time
from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import replace
from itertools import chain
from typing import Self

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation import (
    DEFAULT_NUMBER,
    OUT_OF_TIME,
    Evaluation,
    Outcome,
    Progress,
    PrunerState,
    WorkItem,
    measure,
)
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.evaluation._work import decide_outcome
from sklearn_autotune.execution._base import ExecutionRequest

__all__ = ["InProcessExecutor"]

POLL_SECONDS = 0.05


class InProcessExecutor:
    """Measures candidates in this process, one after another."""

    capacity = 1

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.queue: deque[WorkItem] = deque()
        self.steps: Generator[Progress, None, None] | None = None  # of the first candidate in the queue, if it is begun
        self.undecided: list[Progress] = []

    @classmethod
    def accepts(cls, request: ExecutionRequest) -> bool:
        """Whether candidates are measured one at a time, without a limit, because a limit needs a worker process."""
        return request.n_slots == 1 and not request.limits.has_limit

    @classmethod
    def from_request(cls, request: ExecutionRequest) -> Self:
        """Make the executor."""
        return cls(request.evaluation)

    def submit(self, work: WorkItem) -> None:
        """Queue the candidate; the default comes before all that are not begun."""
        if work.number == DEFAULT_NUMBER:
            self.queue.insert(int(self.steps is not None), work)
        else:
            self.queue.append(work)

    def decide(self, number: int, pruner_state: PrunerState) -> None:
        """Set the pruner state of a queued candidate."""
        self.queue = deque(
            replace(work, pruner_state=pruner_state) if work.number == number else work for work in self.queue
        )

    def wait(self, timeout: float | None = None) -> list[tuple[int, Outcome]]:
        """Measure the next candidate; the search's time limit is checked between its steps.

        If the candidate's pruner state is not known, this method takes one step only, or waits if there is none left.
        """
        work = self.queue[0]
        if self.steps is None and work.pruner_state is not None:
            outcome: Outcome | None = measure(self.evaluation, work)
        else:
            outcome = self._take_steps(work, timeout)
        if outcome is None:
            return []
        self._end_steps()
        self.queue.popleft()
        return [(work.number, outcome)]

    def _take_steps(self, work: WorkItem, timeout: float | None) -> Outcome | None:
        if self.steps is None:
            if work.deadline is not None and clock.now() > work.deadline:
                return Outcome(Status.TIMEOUT, (), OUT_OF_TIME)
            self.steps = self.evaluation.measure_steps(work)
        if work.pruner_state is None:
            if self.undecided and self.undecided[-1].is_last:
                time.sleep(POLL_SECONDS if timeout is None else min(timeout, POLL_SECONDS))
            else:
                self.undecided.append(next(self.steps))
            return None
        for progress in chain(self.undecided, self.steps):
            outcome = decide_outcome(work, progress)
            if outcome is not None:
                return outcome
        raise RuntimeError(f"The evaluation of candidate {work.candidate_index} ended without a last step.")

    def _end_steps(self) -> None:
        if self.steps is not None:
            self.steps.close()
        self.steps, self.undecided = None, []

    def kill(self, numbers: Iterable[int]) -> None:
        """Remove the candidates from the queue."""
        killed = set(numbers)
        if self.queue and self.queue[0].number in killed:
            self._end_steps()
        self.queue = deque(work for work in self.queue if work.number not in killed)

    def close(self) -> None:
        """Empty the queue."""
        self._end_steps()
        self.queue.clear()
