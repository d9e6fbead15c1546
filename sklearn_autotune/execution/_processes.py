"""An executor in worker processes of this machine: a candidate that crashes, hangs or takes too much is ended alone."""

import os
import shutil
import tempfile
import time
import warnings
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

from joblib import cpu_count
from joblib.externals.loky import ProcessPoolExecutor
from joblib.parallel import get_active_backend
from sklearn import get_config

from sklearn_autotune.evaluation import Evaluation, Outcome, Progress, WorkItem
from sklearn_autotune.execution._base import NO_LIMITS, ExecutionRequest, TrialLimits
from sklearn_autotune.execution._slots import BusyTimer, SlotExecutor
from sklearn_autotune.execution._worker import advance_work, prepare_process, save_evaluation, start_work

__all__ = ["ProcessExecutor"]

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

PROCESS_BACKENDS = ("LokyBackend", "MultiprocessingBackend")  # joblib's, by their names


class _ProcessSlot:
    """One process with one worker: if the process dies or is killed, only one trial is affected."""

    def __init__(self, initargs: tuple[Any, ...], env: dict[str, str]) -> None:
        self.pool = ProcessPoolExecutor(max_workers=1, initializer=prepare_process, initargs=initargs, env=env)
        self.clock = BusyTimer()
        self.future: Future[Any] = self.pool.submit(os.getpid)
        self.future.add_done_callback(self.clock.mark_ready)

    def start(self, work: WorkItem) -> Future[Outcome | Progress]:
        self.future = self.pool.submit(start_work, work)
        return self.future

    def advance(self) -> Future[Outcome | Progress]:
        self.future = self.pool.submit(advance_work)
        return self.future

    def kill(self) -> None:
        # loky's own thread fails if its pool is shut down before it has submitted the work.
        latest_time = time.monotonic() + MAX_SUBMIT_SECONDS
        while not (self.future.running() or self.future.done()) and time.monotonic() < latest_time:
            time.sleep(0.001)
        self.pool.shutdown(wait=True, kill_workers=True)


class ProcessExecutor(SlotExecutor[_ProcessSlot]):
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

    @classmethod
    def accepts(cls, request: ExecutionRequest) -> bool:
        """Whether joblib's active backend is one of processes, or one job has a limit."""
        backend, _ = get_active_backend()
        return request.n_slots == 1 or type(backend).__name__ in PROCESS_BACKENDS

    @classmethod
    def from_request(cls, request: ExecutionRequest) -> Self:
        """Make the executor.

        Raises
        ------
        ValueError
            If this system cannot limit a process's memory.
        """
        request.limits.check_platform()
        return cls(request.evaluation, request.n_slots, request.n_parts, request.limits)

    def close(self) -> None:
        """Kill all worker processes and remove the shared files."""
        try:
            super().close()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
