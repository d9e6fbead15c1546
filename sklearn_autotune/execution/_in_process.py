"""An executor in this process: candidates are measured one after another."""

from collections import deque
from collections.abc import Iterable
from typing import Self

from sklearn_autotune.evaluation import Evaluation, Outcome, WorkItem, measure
from sklearn_autotune.execution._base import ExecutionRequest

__all__ = ["InProcessExecutor"]


class InProcessExecutor:
    """Measures candidates in this process, one after another."""

    capacity = 1

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.queue: deque[WorkItem] = deque()

    @classmethod
    def accepts(cls, request: ExecutionRequest) -> bool:
        """Whether candidates are measured one at a time, without a limit, because a limit needs a worker process."""
        return request.n_slots == 1 and not request.limits.has_limit

    @classmethod
    def from_request(cls, request: ExecutionRequest) -> Self:
        """Make the executor."""
        return cls(request.evaluation)

    def submit(self, work: WorkItem) -> None:
        """Queue the candidate."""
        self.queue.append(work)

    def wait(self, timeout: float | None = None) -> list[tuple[int, Outcome]]:
        """Measure the next candidate; the search's time limit is checked between its steps."""
        work = self.queue.popleft()
        return [(work.number, measure(self.evaluation, work))]

    def kill(self, numbers: Iterable[int]) -> None:
        """Remove the candidates from the queue."""
        killed = set(numbers)
        self.queue = deque(work for work in self.queue if work.number not in killed)

    def close(self) -> None:
        """Empty the queue."""
        self.queue.clear()
