"""An executor in this process: candidates are measured one after another."""

import time
from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace
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
        self.begun: dict[int, _Begun] = {}

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
            self.queue.insert(len(self.begun), work)
        else:
            self.queue.append(work)

    def decide(self, number: int, pruner_state: PrunerState) -> None:
        """Set the pruner state of a queued candidate."""
        self.queue = deque(
            replace(work, pruner_state=pruner_state) if work.number == number else work for work in self.queue
        )

    def wait(self, timeout: float | None = None) -> list[tuple[int, Outcome]]:
        """Measure the next candidate; the search's time limit is checked between its steps.

        If the candidate's pruner state is not known, this method takes one step only. A candidate that is measured and
        waits for its state lets others pass: the state may depend on their outcomes.
        """
        work = next((work for work in self.queue if not self._waits_for_state(work)), None)
        if work is None:
            time.sleep(POLL_SECONDS if timeout is None else min(timeout, POLL_SECONDS))
            return []
        if work.number not in self.begun and work.pruner_state is not None:
            outcome: Outcome | None = measure(self.evaluation, work)
        else:
            outcome = self._take_steps(work)
        if outcome is None:
            return []
        self._end_steps(work.number)
        self.queue.remove(work)
        return [(work.number, outcome)]

    def _waits_for_state(self, work: WorkItem) -> bool:
        return work.pruner_state is None and work.number in self.begun and self.begun[work.number].is_measured

    def _take_steps(self, work: WorkItem) -> Outcome | None:
        if work.number not in self.begun:
            if work.deadline is not None and clock.now() > work.deadline:
                return Outcome(Status.TIMEOUT, (), OUT_OF_TIME)
            self.begun[work.number] = _Begun(self.evaluation.measure_steps(work))
        begun = self.begun[work.number]
        if work.pruner_state is None:
            begun.undecided.append(next(begun.steps))
            return None
        for progress in chain(begun.undecided, begun.steps):
            outcome = decide_outcome(work, progress)
            if outcome is not None:
                return outcome
        raise RuntimeError(f"The evaluation of candidate {work.candidate_index} ended without a last step.")

    def _end_steps(self, number: int) -> None:
        if number in self.begun:
            self.begun.pop(number).steps.close()

    def kill(self, numbers: Iterable[int]) -> None:
        """Remove the candidates from the queue."""
        killed = set(numbers)
        for number in killed:
            self._end_steps(number)
        self.queue = deque(work for work in self.queue if work.number not in killed)

    def close(self) -> None:
        """Empty the queue."""
        for number in list(self.begun):
            self._end_steps(number)
        self.queue.clear()


@dataclass
class _Begun:
    """The steps of a candidate that is begun, and those that its pruner has to decide on."""

    steps: Generator[Progress, None, None]
    undecided: list[Progress] = field(default_factory=list)

    @property
    def is_measured(self) -> bool:
        return bool(self.undecided) and self.undecided[-1].is_last
