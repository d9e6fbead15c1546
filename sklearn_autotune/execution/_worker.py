"""The far end of an executor: what runs in a worker process or thread, and how the data gets there.

Worker processes import this module and nothing that imports Optuna, so they start quickly.
"""

import gc
import os
import shutil
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from mmap import mmap
from pathlib import Path
from traceback import format_exc
from typing import Any

import numpy as np
from joblib import parallel_config
from sklearn import set_config

from sklearn_autotune.evaluation._base import Evaluation, Outcome, Progress, WorkItem, judge, measure
from sklearn_autotune.exceptions import WorkerSetupError

try:  # joblib brings it: as a dependency since 1.6, inside itself before
    from cloudpickle import CloudPickler, dumps, loads
except ImportError:  # pragma: no cover
    from joblib.externals.cloudpickle import CloudPickler, dumps, loads

__all__ = ["Worker", "advance", "pack", "prepare_process", "start"]

SHARED_BYTES = 1_000_000  # arrays above this go into a file that all workers map; joblib draws the same line
WATCH_SECONDS = 1.0
EVALUATION_FILE = "evaluation.pickle"


class Worker:
    """Measures one candidate at a time, in one go or step by step."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.work: WorkItem | None = None
        self.steps: Iterator[Progress] = iter(())

    def start(self, work: WorkItem) -> Outcome | Progress:
        """Measure to the end, or take the first step if the bar has to be applied elsewhere."""
        if work.pruner_state.is_picklable:
            return measure(self.evaluation, work)
        self.work = work
        self.steps = self.evaluation.steps(work)
        return self.advance()

    def advance(self) -> Outcome | Progress:
        """Take one more step of the candidate begun before."""
        if self.work is None:
            raise RuntimeError("no candidate has been begun in this worker")
        progress = next(self.steps)
        return judge(self.work, progress, apply_bar=False) or progress


class _SharingPickler(CloudPickler):
    """Pickles by value what is defined in a notebook, and puts large arrays into files."""

    def __init__(self, file: Any, folder: Path) -> None:
        super().__init__(file)
        self.folder = folder
        self.n_files = 0

    def reducer_override(self, obj: Any) -> Any:
        """Write a large array to a file and pickle the way to map it; an array that is a file stays where it is."""
        is_file = isinstance(obj, np.memmap) and isinstance(obj.base, mmap) and obj.filename is not None
        if is_file and obj.mode != "c":  # what was written into a copy-on-write map is not in its file
            order = "C" if obj.flags.c_contiguous else "F"
            return np.memmap, (obj.filename, obj.dtype, "r", obj.offset, obj.shape, order)
        if isinstance(obj, np.ndarray) and obj.nbytes > SHARED_BYTES and not obj.dtype.hasobject:
            path = self.folder / f"{self.n_files}.npy"
            self.n_files += 1
            np.save(path, np.asarray(obj), allow_pickle=False)
            return np.load, (str(path), "r")
        return super().reducer_override(obj)


def pack(evaluation: Evaluation, folder: Path) -> None:
    """Pickle an evaluation into ``folder``, once for all workers; large arrays go into files of their own.

    Workers are told the folder and not given the bytes: starting a process waits until it has read what it is given,
    so that several would start one after the other.

    Raises
    ------
    WorkerSetupError
        If something in it cannot be pickled.
    """
    try:
        with (folder / EVALUATION_FILE).open("wb") as file:
            _SharingPickler(file, folder).dump(evaluation)
    except Exception as error:
        raise WorkerSetupError(
            "n_jobs above 1 sends the estimator, the data and the scorer to other processes, but they cannot be "
            f"pickled: {error}. Use n_jobs=1, or joblib.parallel_config(backend='threading')."
        ) from error


_worker: Worker | None = None
_setup_error: str | None = None


def prepare_process(
    folder: str, parent: int, config: dict[str, Any], filters: list[Any], memory_limit: int | None = None
) -> None:
    """Make this process a worker; an error is kept for the first candidate to report."""
    global _worker, _setup_error
    # On Ctrl-C, or when all of a job's processes are told to end, the coordinator decides what happens to workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, args=(parent, folder), daemon=True).start()
    warnings.filters[:] = filters  # type: ignore[index]
    set_config(**config)
    try:
        _worker = Worker(loads((Path(folder) / EVALUATION_FILE).read_bytes()))
    except Exception:
        _setup_error = format_exc()
    if memory_limit is not None:
        _limit_memory(memory_limit)
    # Without psutil, loky collects garbage every second; what was imported need not be gone through each time.
    gc.freeze()


def _limit_memory(n_bytes: int) -> None:
    """Let this process have so many bytes more than it has now; Python raises MemoryError beyond."""
    import resource

    n_pages = int(Path("/proc/self/statm").read_text().split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = n_pages * resource.getpagesize() + n_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def start(work: WorkItem) -> Outcome | Progress:
    """Measure a candidate in this process; joblib inside it uses threads, as in joblib's own workers."""
    return _call(_ready().start, work)


def advance() -> Outcome | Progress:
    """Take one more step in this process."""
    return _call(_ready().advance)


def _call(step: Callable[..., Outcome | Progress], *args: Any) -> Outcome | Progress:
    """Take a step; an exception that cannot be sent, which would look like the end of this process, goes as text."""
    try:
        with parallel_config(backend="threading"):
            return step(*args)
    except Exception as error:
        try:
            loads(dumps(error))
        except Exception:
            raise RuntimeError(f"in a worker process:\n{format_exc()}") from None
        raise


def _ready() -> Worker:
    if _worker is None:
        raise WorkerSetupError(f"A worker process could not load the search's data:\n{_setup_error}")
    return _worker


def _leave_with_parent(parent: int, folder: str) -> None:
    """End this process, and clear the shared files, once the search's process is gone."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
