"""An executor on the workers of a Dask cluster: each worker process is a slot that measures one candidate at a time.

The study stays in the search's process, as with local worker processes. Each worker receives the data once, and so does
a worker that replaces another. Each work item is sent to one worker by its address. So when a worker dies, it is clear
which candidate failed. This candidate is not sent to another worker, because it might crash that one too.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Future
from math import ceil
from typing import Any, Protocol, Self
from uuid import uuid4

from joblib import parallel_config
from joblib.parallel import get_active_backend
from sklearn import config_context, get_config

from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune.evaluation import Evaluation, Outcome, Progress, WorkItem
from sklearn_autotune.exceptions import ClusterLostError
from sklearn_autotune.execution._base import NO_LIMITS, ExecutionRequest, TrialLimits
from sklearn_autotune.execution._slots import BusyTimer, SlotExecutor
from sklearn_autotune.execution._worker import Worker

__all__ = ["DaskClient", "DaskExecutor", "find_dask_client", "names_cluster"]

logger = logging.getLogger(__name__)

ADDRESSES_SECONDS = 0.1  # how long an answer of the scheduler is used: asking it takes milliseconds
POLL_SECONDS = 0.5  # interval between checks that all workers are still there
WORKER_TIMEOUT_SECONDS = 60.0  # how long to wait if the cluster has no worker
CONNECTION_ATTEMPTS = 20
EXIT_TIMEOUT_SECONDS = 5.0
RESTART_TIMEOUT_SECONDS = 30.0


class DaskClient(Protocol):
    """The methods of ``distributed.Client`` that are used here."""

    def nthreads(self) -> dict[str, int]:
        """Return the number of threads of each worker, by the worker's address."""
        ...

    def scatter(self, data: Any, workers: list[str], *, hash: bool) -> Any:
        """Send data to workers; return a future of it."""
        ...

    def submit(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Run a function on a worker; return a future."""
        ...

    def run(self, function: Callable[..., Any], *, workers: list[str], wait: bool, on_error: str) -> Any:
        """Run a function in the workers' event loops."""
        ...

    def restart_workers(self, workers: list[str], *, timeout: float, raise_for_error: bool) -> Any:
        """Make the workers' nanny processes restart them."""
        ...

    def close(self) -> Any:
        """Disconnect."""
        ...


def is_dask_backend(backend: Any) -> bool:
    """Whether a joblib backend is Dask's. The class name tells, so that Dask need not be imported."""
    return type(backend).__name__ == "DaskDistributedBackend"


def names_cluster(executor: object) -> bool:
    """Whether the user names a cluster: by ``executor``, or by joblib's Dask backend."""
    backend, _ = get_active_backend()
    return executor is not None or is_dask_backend(backend)


def find_dask_client(executor: object) -> DaskClient | None:
    """Return the Dask client that a search is to use, or None.

    Parameters
    ----------
    executor : distributed.Client, str or None
        A client, or the address of a scheduler. None means the client of ``joblib.parallel_config("dask")`` if that is
        active.

    Raises
    ------
    TypeError
        If ``executor`` is anything else.
    """
    if executor is None:
        backend, _ = get_active_backend()
        found: DaskClient | None = backend.client if is_dask_backend(backend) else None
        return found
    distributed = import_optional("distributed", "executor=")
    if isinstance(executor, str):
        return connect(executor)
    if not isinstance(executor, distributed.Client):
        raise TypeError(
            "executor must be a dask.distributed.Client, the address of a Dask scheduler, or None, got "
            f"{executor!r} of type {type(executor).__name__}."
        )
    given: DaskClient = executor
    return given


def connect(address: str) -> DaskClient:
    """Connect to a scheduler, also while other clients of it cancel their work.

    An address that cannot be read is a ValueError; one where no scheduler answers, a ConnectionError.

    A scheduler tells all its clients of a cancelled key. If that message leaves within the 2 ms in which the scheduler
    greets a new client, distributed 2026.8.0 raises an AssertionError without text in the new client
    (``Client._ensure_connected``). A further attempt meets another moment. The failed client is closed here,
    because the garbage collector may close it in any thread, which has ended in a timeout of 60 s.
    """
    distributed = import_optional("distributed", "executor=")
    for _ in range(CONNECTION_ATTEMPTS):
        client: DaskClient = distributed.Client.__new__(distributed.Client)
        try:
            client.__init__(address, set_as_default=False)  # type: ignore[misc]
        except AssertionError:
            client.close()
        except ValueError as error:
            raise ValueError(
                f"executor={address!r} is not the address of a Dask scheduler, such as 'tcp://host:8786': {error}."
            ) from error
        except OSError as error:
            client.close()
            raise ConnectionError(
                f"executor={address!r}: no Dask scheduler answers there ({error}). Start it, or leave executor at None."
            ) from error
        else:
            return client
    raise ConnectionError(
        f"executor={address!r}: distributed failed to connect {CONNECTION_ATTEMPTS} times. Try again."
    )


class DaskExecutor(SlotExecutor["_DaskSlot"]):
    """Measures candidates on the workers of a cluster; workers may join and leave during the search.

    Parameters
    ----------
    client : distributed.Client
    evaluation : Evaluation
    n_jobs : int or None
        The maximum number of workers to use; None or a negative number means all.
    look_ahead : int
    limits : TrialLimits
    owns_client : bool
        Whether to close the client at the end.

    Raises
    ------
    ClusterLostError
        Raised by `wait` if the scheduler cannot be reached, or if there has been no worker for
        `WORKER_TIMEOUT_SECONDS`.
    """

    def __init__(
        self,
        client: DaskClient,
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
            raise ValueError(
                "memory_limit cannot be enforced on a Dask cluster. Set the limit when you start its workers, and use "
                "memory_limit=None."
            )
        self.client = client
        self.evaluation = evaluation
        self.owns_client = owns_client
        self.config = get_config()
        self.used_addresses: set[str] = set()  # addresses of workers that have a slot, or must not have one
        self.ending_threads: list[threading.Thread] = []
        self.last_worker_seen_at = time.monotonic()
        self.present: set[str] = set()  # addresses of workers, by the last answer of the scheduler
        self.answered_at = -ADDRESSES_SECONDS
        n_slots = n_jobs if n_jobs is not None and n_jobs > 0 else 2**30
        n_initial_slots = max(1, min(n_slots, len(self._get_addresses())))
        super().__init__(self._make_slot, n_slots, evaluation.n_folds, ceil(2 * n_initial_slots / look_ahead), limits)

    @classmethod
    def accepts(cls, request: ExecutionRequest) -> bool:
        """Whether the user gave a cluster, or joblib's active backend is Dask's."""
        return request.allows_cluster and names_cluster(request.executor)

    @classmethod
    def from_request(cls, request: ExecutionRequest) -> Self:
        """Make the executor. If it makes a client from an address, it closes this client at the end.

        Raises
        ------
        ValueError
            If there is a limit on memory.
        TypeError
            If the user's ``executor`` is neither a Dask client nor the address of a scheduler.
        """
        client = find_dask_client(request.executor)
        if client is None:
            raise ValueError("There is no Dask cluster to use.")
        owns_client = isinstance(request.executor, str)
        return cls(
            client, request.evaluation, request.n_jobs, request.look_ahead, request.limits, owns_client=owns_client
        )

    def wait(self, timeout: float | None = None) -> list[tuple[int, Outcome]]:
        """Wait until an outcome arrives, or for a moment; fail the candidates of workers that are gone."""
        present = self._get_addresses()
        for slot, _ in list(self.busy.values()):
            if slot.address not in present:
                slot.mark_lost()
        self.used_addresses &= present | {slot.address for slot in self._get_slots()}
        self._start_waiting()
        patience = POLL_SECONDS if timeout is None else min(timeout, POLL_SECONDS)
        if not self.busy:
            self._require_workers(present)
            time.sleep(patience)
        return super().wait(patience)

    def close(self) -> None:
        """Stop everything, and end the workers that are busy."""
        super().close()
        for thread in self.ending_threads:
            thread.join()
        if self.owns_client:
            self.client.close()

    def _start_waiting(self) -> None:
        if self.idle and self.has_waiting:  # if an idle worker is gone, no candidate fails
            present = self._get_addresses()
            gone = [slot for slot in self.idle if slot.address not in present]
            for slot in gone:
                self.idle.remove(slot)
                slot.kill()
                self.n_unstarted_slots += 1
        super()._start_waiting()

    def _get_slots(self) -> "list[_DaskSlot]":
        return [*self.idle, *(slot for slot, _ in self.busy.values())]

    def _make_slot(self) -> "_DaskSlot | None":
        """Take a free worker and send it the data; return None if there is none."""
        for address in sorted(self._get_addresses() - self.used_addresses):
            try:
                data = self.client.scatter(self.evaluation, workers=[address], hash=False)
            except Exception as error:
                logger.info("The data could not be sent to the Dask worker %s: %r", address, error)
                continue
            self.used_addresses.add(address)
            return _DaskSlot(self, address, data)
        return None

    def _get_addresses(self) -> set[str]:
        if time.monotonic() - self.answered_at >= ADDRESSES_SECONDS:
            self.present = self._ask_for_addresses()
            self.answered_at = time.monotonic()
        return self.present

    def _ask_for_addresses(self) -> set[str]:
        try:
            return set(self.client.nthreads())
        except Exception as error:
            raise ClusterLostError(
                f"The scheduler of the Dask cluster cannot be reached: {error!r}. The results so far are on the search."
            ) from error

    def _require_workers(self, present: set[str]) -> None:
        if present - self.used_addresses or not self.has_waiting:
            self.last_worker_seen_at = time.monotonic()
        elif time.monotonic() - self.last_worker_seen_at > WORKER_TIMEOUT_SECONDS:
            raise ClusterLostError(
                f"The Dask cluster has had no worker to send work to for {WORKER_TIMEOUT_SECONDS:.0f} s. The results "
                "so far are on the search. Start new workers, and use a nanny process for each, which restarts a "
                "worker that dies."
            )

    def end_worker(self, address: str) -> None:
        """End a busy worker, without waiting for its nanny to start another."""
        self.ending_threads.append(threading.Thread(target=self._end_worker, args=(address,), daemon=True))
        self.ending_threads[-1].start()

    def _end_worker(self, address: str) -> None:
        try:
            # Runs in the worker's event loop beside the candidate. Asking the nanny takes seconds and may not work.
            self.client.run(_exit_process, workers=[address], wait=False, on_error="ignore")
            latest_time = time.monotonic() + EXIT_TIMEOUT_SECONDS
            while address in self._ask_for_addresses():
                if time.monotonic() > latest_time:  # the candidate blocks the event loop
                    self.client.restart_workers([address], timeout=RESTART_TIMEOUT_SECONDS, raise_for_error=False)
                    break
                time.sleep(POLL_SECONDS / 5)
            self.used_addresses.discard(address)
        except Exception as error:  # its address stays in used_addresses, so it gets no work
            logger.warning("The Dask worker %s could not be ended, and gets no more work: %r", address, error)


class _DaskSlot:
    """One worker of the cluster, which has received the data."""

    def __init__(self, slots: DaskExecutor, address: str, data: Any) -> None:
        self.slots = slots
        self.address = address
        self.data = data
        self.token = uuid4().hex
        self.clock = BusyTimer()
        self.future: Future[Outcome | Progress] = Future()
        self.task: Any = None
        self.import_task = self._submit_task(_prepare, data, priority=1)  # before any candidate
        self.import_task.add_done_callback(self.clock.mark_ready)

    def start(self, work: WorkItem) -> Future[Outcome | Progress]:
        return self._submit(_start_work, self.token, self.data, work, self.slots.config)

    def advance(self) -> Future[Outcome | Progress]:
        return self._submit(_advance_work, self.token, self.slots.config)

    def mark_lost(self) -> None:
        """Fail the work of this slot, because its worker is gone."""
        _set_future(self.future, BrokenExecutor(f"The Dask worker at {self.address} is gone."))

    def release(self) -> None:
        self.kill()

    def kill(self) -> None:
        is_idle = self.task is None or self.task.done() or self.future.done()  # before it is cancelled
        if self.task is not None:
            self.task.cancel()
        if is_idle:
            self.slots.used_addresses.discard(self.address)
        else:
            self.slots.end_worker(self.address)
        self.data = self.task = self.import_task = None

    def _submit(self, function: Any, *args: Any) -> Future[Outcome | Progress]:
        self.future = Future()
        self.future.set_running_or_notify_cancel()
        self.task = self._submit_task(function, *args)
        self.task.add_done_callback(_TaskCallback(self.future, self.address))
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


class _TaskCallback:
    """Copies the result of a Dask task to a future; called in a thread of Dask."""

    def __init__(self, future: Future[Any], address: str) -> None:
        self.future = future
        self.address = address

    def __call__(self, task: Any) -> None:
        try:
            if task.status == "finished":
                _set_future(self.future, task.result())
                return
            error = task.exception() if task.status == "error" else CancelledError()
        except Exception as missing:  # the result was lost with the worker
            error = missing
        if isinstance(error, CancelledError) or type(error).__module__.startswith("distributed."):
            error = BrokenExecutor(f"The Dask worker at {self.address} is gone: {error!r}")
        _set_future(self.future, error)


def _set_future(future: Future[Any], result: Any) -> None:
    """Set a future's result or exception, unless it already has one."""
    with _future_lock:
        if future.done():
            return
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)


_future_lock = threading.Lock()


# -- what runs on the workers ------------------------------------------------------------------------------------------

_active_workers: dict[str, Worker] = {}  # by slot


async def _exit_process() -> None:
    """End the worker's process. This is a coroutine, because Dask waits for every other function to return."""
    os._exit(1)


def _prepare(evaluation: Evaluation) -> None:
    """Do the work that all candidates share. To run this, Dask has to import what the data and this module need."""
    Worker(evaluation).prepare()


def _start_work(token: str, evaluation: Evaluation, work: WorkItem, config: dict[str, Any]) -> Outcome | Progress:
    """Measure a candidate, or take its first step; nested joblib calls use threads."""
    _active_workers[token] = Worker(evaluation)
    with config_context(**config), parallel_config(backend="threading"):
        return _active_workers[token].start(work)


def _advance_work(token: str, config: dict[str, Any]) -> Outcome | Progress:
    """Take the candidate's next step."""
    with config_context(**config), parallel_config(backend="threading"):
        return _active_workers[token].advance()
