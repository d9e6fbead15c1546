"""An executor in worker processes of this machine: a candidate that crashes or hangs affects no other candidate."""

import os
import shutil
import tempfile
import warnings
from concurrent.futures import Future
from pathlib import Path
from typing import Self

from joblib import cpu_count
from joblib.parallel import get_active_backend
from sklearn import get_config

from sklearn_autotune.evaluation import Evaluation, Outcome, Progress, WorkItem
from sklearn_autotune.execution._base import NO_LIMITS, ExecutionRequest, TrialLimits
from sklearn_autotune.execution._kept_workers import WorkerProcess
from sklearn_autotune.execution._slots import BusyTimer, SlotExecutor
from sklearn_autotune.execution._worker import ProcessSetup, advance_work, prepare_process, save_evaluation, start_work

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

PROCESS_BACKENDS = ("LokyBackend", "MultiprocessingBackend")  # joblib's, by their names


class _ProcessSlot:
    """One process with one worker: if the process dies or is killed, only one trial is affected."""

    def __init__(self, process: WorkerProcess, setup: ProcessSetup) -> None:
        self.process = process
        self.setup = setup
        self.clock = BusyTimer()
        self.process.submit(prepare_process, setup).add_done_callback(self.clock.mark_ready)

    def start(self, work: WorkItem) -> Future[Outcome | Progress]:
        # Processes of one machine share its clock, so waiting for the process to start moves no deadline.
        return self.process.submit(start_work, self.setup, work, work.deadline, work.end_time)

    def advance(self) -> Future[Outcome | Progress]:
        return self.process.submit(advance_work)

    def release(self) -> None:
        """Keep the process for another search, unless its memory is limited: a limit cannot be removed."""
        if self.setup.memory_limit is None:
            self.process.keep()
        else:
            self.kill()

    def kill(self) -> None:
        self.process.kill()


class ProcessExecutor(SlotExecutor[_ProcessSlot]):
    """Measures candidates in worker processes. Large arrays are written to files once, and all processes map them."""

    def __init__(
        self,
        evaluation: Evaluation,
        n_slots: int,
        n_parts: int = 1,
        limits: TrialLimits = NO_LIMITS,
        *,
        takes_rest: bool = False,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sklearn_autotune_"))
        try:
            save_evaluation(evaluation, self.folder)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        setup = ProcessSetup(str(self.folder), os.getpid(), get_config(), tuple(warnings.filters), limits.n_bytes)
        threads = str(max(1, cpu_count() // n_slots))
        env = {name: os.environ.get(name, threads) for name in THREAD_VARIABLES}
        super().__init__(
            lambda: _ProcessSlot(WorkerProcess.take(env), setup),
            n_slots,
            evaluation.n_folds,
            n_parts,
            limits,
            takes_rest=takes_rest,
        )

    @classmethod
    def accepts(cls, request: ExecutionRequest) -> bool:
        """Whether joblib's active backend uses processes, or a single job has a limit on time or memory."""
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
        return cls(request.evaluation, request.n_slots, request.n_parts, request.limits, takes_rest=request.takes_rest)

    def close(self) -> None:
        """Keep idle worker processes for another search, kill all others, and remove the shared files."""
        try:
            super().close()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
