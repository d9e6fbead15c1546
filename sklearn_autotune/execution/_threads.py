"""An executor in threads of this process: nothing has to be pickled, but a candidate cannot be ended."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

from joblib.parallel import get_active_backend
from sklearn import get_config, set_config

from sklearn_autotune.evaluation import Evaluation, Outcome, Progress, WorkItem
from sklearn_autotune.execution._base import ExecutionRequest
from sklearn_autotune.execution._slots import BusyTimer, SlotExecutor
from sklearn_autotune.execution._worker import Worker

__all__ = ["ThreadExecutor"]


class _ThreadSlot:
    """One thread with one worker."""

    def __init__(self, evaluation: Evaluation, config: dict[str, Any]) -> None:
        self.worker = Worker(evaluation)
        self.pool = ThreadPoolExecutor(max_workers=1, initializer=lambda: set_config(**config))
        self.clock = BusyTimer()
        self.clock.mark_ready()

    def start(self, work: WorkItem) -> Future[Outcome | Progress]:
        return self.pool.submit(self.worker.start, work)

    def advance(self) -> Future[Outcome | Progress]:
        return self.pool.submit(self.worker.advance)

    def release(self) -> None:
        self.kill()

    def kill(self) -> None:
        # A thread cannot be ended from outside: it finishes what it is doing, and the result is ignored.
        self.pool.shutdown(wait=False, cancel_futures=True)


class ThreadExecutor(SlotExecutor[_ThreadSlot]):
    """Measures candidates in threads.

    Parameters
    ----------
    evaluation : Evaluation
    n_slots : int
        The number of threads.
    n_parts : int
        The number of parts into which a candidate is split.
    takes_rest : bool
        As of `SlotExecutor`.
    """

    def __init__(self, evaluation: Evaluation, n_slots: int, n_parts: int = 1, *, takes_rest: bool = False) -> None:
        config = get_config()
        super().__init__(
            lambda: _ThreadSlot(evaluation, config), n_slots, evaluation.n_folds, n_parts, takes_rest=takes_rest
        )

    @classmethod
    def accepts(cls, request: ExecutionRequest) -> bool:
        """Whether joblib's active backend uses threads, or the evaluation itself does and there are no limits."""
        backend, _ = get_active_backend()
        evaluation_does = request.n_threads_per_candidate is not None and not request.limits.has_limit
        return request.n_slots > 1 and (evaluation_does or getattr(backend, "supports_sharedmem", False))

    @classmethod
    def from_request(cls, request: ExecutionRequest) -> Self:
        """Make the executor.

        Raises
        ------
        ValueError
            If there is a limit on time or memory.
        """
        request.limits.check_platform()
        if request.limits.has_limit:
            raise ValueError(
                "trial_timeout and memory_limit need worker processes, because a thread cannot be ended. Use "
                "joblib.parallel_config(backend='loky'), or n_jobs=1, which then uses one worker process."
            )
        return cls(request.evaluation, request.n_slots, request.n_parts, takes_rest=request.takes_rest)
