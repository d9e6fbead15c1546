"""Slots on the workers of a Dask cluster: one for each worker process, which measures one candidate at a time.

The search stays where it is, and asks and tells as it does with processes of its own. The data is sent once to each
worker, and again to one that takes the place of another. Each piece of work is sent to one worker by its address, so
that it is known whose death is the end of which candidate; none is ever passed on to another worker, which it might
end as well.
"""

import logging
import os
import threading
import time
from concurrent.futures import BrokenExecutor, CancelledError, Future
from math import ceil
from typing import Any
from uuid import uuid4

from joblib import parallel_config
from joblib.parallel import get_active_backend
from sklearn import config_context, get_config

from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune.evaluation import Evaluation, Outcome, Progress, WorkItem
from sklearn_autotune.exceptions import ClusterLostError
from sklearn_autotune.execution._executors import NO_LIMITS, BusyTimer, SlotExecutor, TrialLimits
from sklearn_autotune.execution._worker import Worker

__all__ = ["DaskExecutor", "find_dask_client"]

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5  # how often it is looked whether all workers are still there
PATIENCE_SECONDS = 60.0  # how long to wait for a cluster that has no worker
END_SECONDS = 5.0
RESTART_SECONDS = 30.0


def find_dask_client(executor: Any) -> Any:
    """Return the Dask client that a search is to use, or None.

    Parameters
    ----------
    executor : distributed.Client, str or None
        A client, the address of a scheduler, or None for that of ``joblib.parallel_config("dask")`` if it is active.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if executor is None:
        backend, _ = get_active_backend()
        return backend.client if type(backend).__name__ == "DaskDistributedBackend" else None
    distributed = import_optional("distributed", "executor=")
    if isinstance(executor, str):
        return distributed.Client(executor, set_as_default=False)
    if not isinstance(executor, distributed.Client):
        raise TypeError(
            "executor must be a dask.distributed.Client, the address of a Dask scheduler, or None, got "
            f"{executor!r} of type {type(executor).__name__}."
        )
    return executor


class DaskExecutor(SlotExecutor):
    """Slots on the workers that a cluster has at the time; workers may come and go.

    Parameters
    ----------
    client : distributed.Client
    evaluation : Evaluation
    n_jobs : int or None
        How many workers to use at most; None or a negative number means all.
    look_ahead : int
    limits : TrialLimits
    owns_client : bool
        Whether to close the client in the end.

    Raises
    ------
    ClusterLostError
        By `wait`, if the scheduler cannot be reached, or there has been no worker for `PATIENCE_SECONDS`.
    """

    def __init__(
        self,
        client: Any,
        evaluation: Evaluation,
        n_jobs: int | None,
        look_ahead: int,
        limits: TrialLimits = NO_LIMITS,
        *,
        owns_client: bool = False,
    ) -> None:
        if limits.n_bytes is not None:
            if owns_client:
                client.close()
            raise ValueError("memory_limit cannot be kept on a Dask cluster: set it there, when its workers are begun.")
        self.client = client
        self.evaluation = evaluation
        self.owns_client = owns_client
        self.config = get_config()
        self.used: set[str] = set()  # addresses of workers that have a slot, or must not be given one
        self.endings: list[threading.Thread] = []
        self.seen_at = time.monotonic()
        n_slots = n_jobs if n_jobs is not None and n_jobs > 0 else 2**30
        n_at_first = max(1, min(n_slots, len(self._addresses())))
        super().__init__(self._make_slot, n_slots, evaluation.n_folds, ceil(2 * n_at_first / look_ahead), limits)

    def wait(self, timeout: float | None = None) -> list[tuple[int, Outcome]]:
        """Wait a moment, or until something arrives."""
        present = self._addresses()
        for slot, _ in list(self.busy.values()):
            if slot.address not in present:
                slot.lose()
        self.used &= present | {slot.address for slot in self._slots()}
        self._start_queued()
        patience = LOOK_SECONDS if timeout is None else min(timeout, LOOK_SECONDS)
        if not self.busy:
            self._require_workers(present)
            time.sleep(patience)
        return super().wait(patience)

    def close(self) -> None:
        """Give up everything; workers that are busy are ended."""
        super().close()
        for thread in self.endings:
            thread.join()
        if self.owns_client:
            self.client.close()

    def _start_queued(self) -> None:
        if self.queue and self.idle:  # a worker may have gone while it had nothing to do: no candidate's fault
            present = self._addresses()
            gone = [slot for slot in self.idle if slot.address not in present]
            for slot in gone:
                self.idle.remove(slot)
                slot.kill()
                self.n_unopened += 1
        super()._start_queued()

    def _slots(self) -> list[Any]:
        return [*self.idle, *(slot for slot, _ in self.busy.values())]

    def _make_slot(self) -> "_ClusterSlot | None":
        """Take a worker that is free and send it the data; None if there is none."""
        for address in sorted(self._addresses() - self.used):
            try:
                data = self.client.scatter(self.evaluation, workers=[address], hash=False)
            except Exception as error:
                logger.info("The worker %s could not be given the data: %r", address, error)
                continue
            self.used.add(address)
            return _ClusterSlot(self, address, data)
        return None

    def _addresses(self) -> set[str]:
        try:
            return set(self.client.nthreads())
        except Exception as error:
            raise ClusterLostError(
                f"The scheduler of the Dask cluster cannot be reached: {error!r}. The results so far are on the search."
            ) from error

    def _require_workers(self, present: set[str]) -> None:
        if present - self.used or not self.queue:
            self.seen_at = time.monotonic()
        elif time.monotonic() - self.seen_at > PATIENCE_SECONDS:
            raise ClusterLostError(
                f"The Dask cluster has had no worker to send work to for {PATIENCE_SECONDS:.0f} s. The results so far "
                "are on the search. See whether its workers come back (nannies bring them back), or begin new ones."
            )

    def end_worker(self, address: str) -> None:
        """End a worker that is busy, for its nanny to begin another, without waiting for that."""
        self.endings.append(threading.Thread(target=self._end_worker, args=(address,), daemon=True))
        self.endings[-1].start()

    def _end_worker(self, address: str) -> None:
        try:
            # In the worker's own loop, beside the candidate: asking the nanny takes seconds, and does not always help.
            self.client.run(_leave, workers=[address], wait=False, on_error="ignore")
            give_up = time.monotonic() + END_SECONDS
            while address in self._addresses():
                if time.monotonic() > give_up:  # what it is doing lets nothing else run
                    self.client.restart_workers([address], timeout=RESTART_SECONDS, raise_for_error=False)
                    break
                time.sleep(LOOK_SECONDS / 5)
            self.used.discard(address)
        except Exception as error:  # it stays among those not to use
            logger.warning("The Dask worker %s cannot be ended, and is left to itself: %r", address, error)


class _ClusterSlot:
    """One worker of the cluster, with the data."""

    def __init__(self, slots: DaskExecutor, address: str, data: Any) -> None:
        self.slots = slots
        self.address = address
        self.data = data
        self.token = uuid4().hex
        self.clock = BusyTimer()
        self.future: Future = Future()
        self.task: Any = None
        self.warming = self._submit_task(_warm_up, data, priority=1)  # before any candidate
        self.warming.add_done_callback(self.clock.note_ready)

    def start(self, work: WorkItem) -> Future:
        return self._submit(_start, self.token, self.data, work, self.slots.config)

    def advance(self) -> Future:
        return self._submit(_advance, self.token, self.slots.config)

    def lose(self) -> None:
        """Its worker is gone: so is what it was measuring."""
        _settle(self.future, BrokenExecutor(f"The Dask worker at {self.address} is gone."))

    def kill(self) -> None:
        is_idle = self.task is None or self.task.done() or self.future.done()  # before it is cancelled
        if self.task is not None:
            self.task.cancel()
        if is_idle:
            self.slots.used.discard(self.address)
        else:
            self.slots.end_worker(self.address)
        self.data = self.task = self.warming = None

    def _submit(self, function: Any, *args: Any) -> Future:
        self.future = Future()
        self.future.set_running_or_notify_cancel()
        self.task = self._submit_task(function, *args)
        self.task.add_done_callback(_Pass(self.future, self.address))
        return self.future

    def _submit_task(self, function: Any, *args: Any, priority: int = 0) -> Any:
        return self.slots.client.submit(
            function,
            *args,
            key=f"sklearn_autotune-{uuid4().hex}",
            workers=[self.address],
            allow_other_workers=False,
            retries=0,
            priority=priority,
            pure=False,
        )


class _Pass:
    """Passes on how a task ended; called in a thread of Dask's."""

    def __init__(self, future: Future, address: str) -> None:
        self.future = future
        self.address = address

    def __call__(self, task: Any) -> None:
        try:
            if task.status == "finished":
                _settle(self.future, task.result())
                return
            error = task.exception() if task.status == "error" else CancelledError()
        except Exception as lost:  # its result went with the worker
            error = lost
        if isinstance(error, CancelledError) or type(error).__module__.startswith("distributed."):
            error = BrokenExecutor(f"The Dask worker at {self.address} is gone: {error!r}")
        _settle(self.future, error)


def _settle(future: Future, result: Any) -> None:
    """Set a future's result or exception, unless it has one."""
    with _settling:
        if future.done():
            return
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)


_settling = threading.Lock()


# -- what runs on the workers ------------------------------------------------------------------------------------------

_under_way: dict[str, Worker] = {}  # candidates whose bar is applied by the search after each step


async def _leave() -> None:
    """End the worker's process. A coroutine: nothing else is run without being waited for."""
    os._exit(1)


def _warm_up(evaluation: Evaluation) -> None:
    """Import what the data and this module need."""


def _start(token: str, evaluation: Evaluation, work: WorkItem, config: dict[str, Any]) -> Outcome | Progress:
    """Measure a candidate, or take its first step, with joblib inside it using threads."""
    _under_way[token] = Worker(evaluation)
    with config_context(**config), parallel_config(backend="threading"):
        return _under_way[token].start(work)


def _advance(token: str, config: dict[str, Any]) -> Outcome | Progress:
    """Take one more step of it."""
    with config_context(**config), parallel_config(backend="threading"):
        return _under_way[token].advance()
