"""The code that runs in a worker process or thread, and the transfer of data to worker processes.

Worker processes import this module. It does not import Optuna, so that they start quickly.
"""

import gc
import os
import shutil
import signal
import sys
import sysconfig
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass, replace
from mmap import mmap
from pathlib import Path
from traceback import format_exc
from typing import Any

import numpy as np
from joblib import parallel_config
from sklearn import set_config

from sklearn_autotune._compat.messages import make_storable
from sklearn_autotune.evaluation._base import Outcome, Progress
from sklearn_autotune.evaluation._work import (
    Evaluation,
    PreparableEvaluation,
    WorkItem,
    decide_outcome,
    measure,
)
from sklearn_autotune.exceptions import WorkerSetupError

try:  # a dependency of joblib 1.6 and later; earlier versions contain it
    from cloudpickle import CloudPickler, dumps, loads
except ImportError:  # pragma: no cover
    from joblib.externals.cloudpickle import CloudPickler, dumps, loads

__all__ = [
    "ProcessSetup",
    "Worker",
    "advance_work",
    "dumps",
    "get_process_id",
    "loads",
    "prepare_process",
    "release_process",
    "save_evaluation",
    "start_work",
]

MIN_SHARED_BYTES = 1_000_000  # a larger array goes into a file that all workers map; joblib uses the same limit
PARENT_POLL_SECONDS = 1.0
EVALUATION_FILE = "evaluation.pickle"


class Worker:
    """Measures one candidate at a time, completely or step by step."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.work: WorkItem | None = None
        self.steps: Iterator[Progress] = iter(())

    def prepare(self) -> None:
        """Do the work that all candidates share."""
        if isinstance(self.evaluation, PreparableEvaluation):
            self.evaluation.prepare()

    def start(self, work: WorkItem) -> Outcome | Progress:
        """Measure the candidate completely, or only its first step if the search's process decides on pruning."""
        if work.pruner_state is None or work.pruner_state.is_picklable:
            return measure(self.evaluation, work)
        self.work = work
        self.steps = self.evaluation.measure_steps(work)
        return self.advance()

    def advance(self) -> Outcome | Progress:
        """Take the next step of the candidate that was started before."""
        if self.work is None:
            raise RuntimeError("No candidate has been started in this worker.")
        progress = next(self.steps)
        return decide_outcome(self.work, progress, apply_pruning=False) or progress


class _ArrayFilePickler(CloudPickler):
    """Pickles objects that are defined in a notebook by value, and writes large arrays to files."""

    def __init__(self, file: Any, folder: Path) -> None:
        super().__init__(file)
        self.folder = folder
        self.n_files = 0

    def reducer_override(self, obj: Any) -> Any:
        """Write a large array to a file and pickle the path; if the array is already mapped, only pickle the path."""
        is_file = isinstance(obj, np.memmap) and isinstance(obj.base, mmap) and obj.filename is not None
        if is_file and obj.mode != "c":  # changes of a copy-on-write map are not in its file
            order = "C" if obj.flags.c_contiguous else "F"
            return np.memmap, (obj.filename, obj.dtype, "r", obj.offset, obj.shape, order)
        if isinstance(obj, np.ndarray) and obj.nbytes > MIN_SHARED_BYTES and not obj.dtype.hasobject:
            path = self.folder / f"{self.n_files}.npy"
            self.n_files += 1
            np.save(path, np.asarray(obj), allow_pickle=False)
            return np.load, (str(path), "r")
        return super().reducer_override(obj)


def save_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Pickle an evaluation into ``folder`` once for all workers; each large array goes into its own file.

    Workers receive the path of the folder, not the bytes. Starting a process ends only when the process has read its
    arguments, so with large arguments several processes would start one after another.

    Raises
    ------
    WorkerSetupError
        If a part of the evaluation cannot be pickled.
    """
    try:
        with (folder / EVALUATION_FILE).open("wb") as file:
            _ArrayFilePickler(file, folder).dump(evaluation)
    except Exception as error:
        raise WorkerSetupError(
            "n_jobs above 1, trial_timeout and memory_limit send the estimator, the data and the scorer to other "
            f"processes, but one of them cannot be pickled: {error}. Use n_jobs=1 without limits, or "
            "joblib.parallel_config(backend='threading')."
        ) from error


@dataclass(frozen=True, slots=True)
class ProcessSetup:
    """What a worker process receives before the first candidate of a search.

    Attributes
    ----------
    folder : str
        The folder that holds the evaluation.
    parent : int
        The id of the search's process.
    config : dict
        scikit-learn's configuration.
    filters : tuple
        The filters of Python's warnings.
    memory_limit : int or None
        The bytes that the process may use in addition to what it uses after it has loaded the evaluation.
    """

    folder: str
    parent: int
    config: dict[str, Any]
    filters: tuple[Any, ...]
    memory_limit: int | None = None


_worker: Worker | None = None
_setup_error: str | None = None
_folder: str | None = None  # the folder of the latest search's files
_start = time.time_ns()


def get_process_id() -> int:
    """Return the number of this process, after all that this module needs has been imported."""
    return os.getpid()


def prepare_process(setup: ProcessSetup) -> None:
    """Make this process a worker of a search. If that fails, the first candidate raises the error."""
    global _worker, _setup_error, _folder
    # On Ctrl-C, or if all processes of a job receive SIGTERM, the search's process decides what happens to workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    is_new, _folder = _folder is None, setup.folder
    if is_new:
        threading.Thread(target=_exit_with_parent, args=(setup.parent,), daemon=True).start()
    warnings.resetwarnings()  # makes Python forget which warnings it has shown
    warnings.filters[:] = setup.filters  # type: ignore[index]
    set_config(**setup.config)
    # Without psutil, loky collects garbage every second. After freeze, it does not scan imported modules each time.
    gc.freeze()
    _setup_error = None
    try:
        _worker = Worker(loads((Path(setup.folder) / EVALUATION_FILE).read_bytes()))
        _worker.prepare()
    except Exception:
        _setup_error = make_storable(format_exc())
    if setup.memory_limit is not None:
        _limit_memory(setup.memory_limit)


def release_process() -> dict[str, int] | None:
    """Delete the data of a search.

    Returns
    -------
    module_times : dict of str to int, or None
        The time of the last change, in nanoseconds, of each imported file that is not in Python's own folders. None if
        a file has changed since this process started, because the process may run the older code.
    """
    global _worker
    _worker = None
    gc.collect()
    times = {path: os.stat(path).st_mtime_ns for path in _find_module_files() if os.path.exists(path)}
    return None if any(changed > _start for changed in times.values()) else times


def _find_module_files() -> list[str]:
    """Return the files of imported modules outside of Python's own folders, which users may edit between searches."""
    installed = tuple(folder + os.sep for folder in set(sysconfig.get_paths().values()))
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    others = [file for file in files if file is not None and not file.startswith(installed)]
    really_installed = tuple(os.path.realpath(folder) + os.sep for folder in installed)
    return [file for file in others if not os.path.realpath(file).startswith(really_installed)]


def _limit_memory(n_bytes: int) -> None:
    """Limit this process to ``n_bytes`` more memory than it uses now; above this, Python raises MemoryError."""
    import resource

    n_pages = int(Path("/proc/self/statm").read_text().split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = n_pages * resource.getpagesize() + n_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def start_work(
    setup: ProcessSetup, work: WorkItem, deadline: float | None, end_time: float | None
) -> Outcome | Progress:
    """Measure a candidate in this process, by the same clock as that of the process which sent it.

    Nested joblib calls use threads, as in joblib's own workers. Where psutil is installed, joblib 1.6 ends a process
    that has grown by 300 MB between two calls, and begins another one without a word, which is not prepared.
    """
    if _folder != setup.folder:
        prepare_process(setup)
    return _run_step(_get_worker().start, replace(work, deadline=deadline, end_time=end_time))


def advance_work() -> Outcome | Progress:
    """Take the candidate's next step in this process."""
    if _folder is None:
        raise BrokenExecutor("it had grown by 300 MB, and joblib has begun another one in its place")
    return _run_step(_get_worker().advance)


def _run_step(step: Callable[..., Outcome | Progress], *args: Any) -> Outcome | Progress:
    """Take a step. If it raises an exception that cannot be pickled, raise one with the traceback as text.

    Otherwise the search would believe that the process crashed.
    """
    try:
        with parallel_config(backend="threading"):
            return step(*args)
    except BaseException as error:
        try:
            loads(dumps(error))
        except Exception:
            raise RuntimeError(f"in a worker process:\n{make_storable(format_exc())}") from None
        raise


def _get_worker() -> Worker:
    if _worker is None:
        raise WorkerSetupError(f"A worker process could not load the search's data:\n{_setup_error}")
    return _worker


def _exit_with_parent(parent: int) -> None:
    """End this process and remove the shared files when the search's process has ended."""
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_SECONDS)
    if _folder is not None:
        shutil.rmtree(_folder, ignore_errors=True)
    os._exit(1)
