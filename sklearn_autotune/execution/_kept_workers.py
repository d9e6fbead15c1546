"""Worker processes that are kept after a search, so that the next search need not wait for new ones to start.

Starting a worker takes a second or more, nearly all of it for imports. When a search ends, its idle workers delete its
data and are kept. The next search in this process uses them if new processes would have the same environment variables,
folder, module path, standard output and error, and would import the same files.
"""

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, Future
from dataclasses import dataclass, field
from typing import Any

from joblib import cpu_count
from joblib.externals.loky import ProcessPoolExecutor

from sklearn_autotune.execution._worker import get_process_id, release_process

__all__ = ["KEPT_SECONDS", "WorkerProcess", "end_kept_workers"]

KEPT_SECONDS = 60.0  # how long an idle worker is kept
MAX_ANSWER_SECONDS = 5.0
MAX_SUBMIT_SECONDS = 1.0


CHANGES_ALL_THE_TIME = {"PYTEST_CURRENT_TEST"}  # environment variables that do not affect how a process runs


def _read_environment() -> tuple[tuple[str, str], ...]:
    return tuple(sorted(item for item in os.environ.items() if item[0] not in CHANGES_ALL_THE_TIME))


def _identify_streams() -> tuple[tuple[int, int] | None, ...]:
    """Return which files stand behind standard output and error: a process writes to those it has inherited."""
    found: list[tuple[int, int] | None] = []
    for descriptor in (1, 2):
        try:
            status = os.fstat(descriptor)
        except OSError:  # closed
            found.append(None)
        else:
            found.append((status.st_dev, status.st_ino))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What a new process inherits from this one when it starts."""

    pid: int = field(default_factory=os.getpid)
    folder: str = field(default_factory=os.getcwd)
    path: tuple[str, ...] = field(default_factory=lambda: tuple(sys.path))
    environment: tuple[tuple[str, str], ...] = field(default_factory=_read_environment)
    streams: tuple[tuple[int, int] | None, ...] = field(default_factory=_identify_streams)


class WorkerProcess:
    """A process with one worker.

    Parameters
    ----------
    env : dict of str to str
        Environment variables for the process, in addition to those of this process.

    Attributes
    ----------
    future : Future
        The last call that was submitted.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = dict(env)
        self._surroundings = _Surroundings()
        self._module_times: dict[str, int] | None = None
        self._pool = ProcessPoolExecutor(max_workers=1, env=self.env)
        # joblib ends a process that has grown by 300 MB since its first call. That call imports what workers need, so
        # that these 200 MB do not count.
        self.future: Future[Any] = self._pool.submit(get_process_id)

    @classmethod
    def take(cls, env: Mapping[str, str]) -> "WorkerProcess":
        """Return a kept process if it can replace a new one; otherwise start a new one."""
        while (kept := _take_kept(dict(env))) is not None:
            if kept.is_as_new():
                return kept
            kept.kill()
        return cls(env)

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Call a function in the process.

        Raises
        ------
        BrokenExecutor
            If the process has died.
        """
        self.future = self._pool.submit(function, *args)
        return self.future

    def is_as_new(self) -> bool:
        """Whether the process is alive, and a new one would inherit and import the same things."""
        if self._module_times is None or self._surroundings != _Surroundings():
            return False
        if any(_get_change_time(path) != seen for path, seen in self._module_times.items()):
            return False
        try:
            self.submit(get_process_id).result(timeout=MAX_ANSWER_SECONDS)
        except (BrokenExecutor, TimeoutError):
            return False
        return True

    def keep(self) -> None:
        """Make the process delete its search's data, and keep it for another search; end it if that fails."""
        try:
            self._module_times = self.submit(release_process).result(timeout=MAX_ANSWER_SECONDS)
        except (BrokenExecutor, TimeoutError):
            self._module_times = None
        if self._module_times is None:
            self.kill()
        else:
            _keep(self)

    def kill(self) -> None:
        """End the process."""
        # loky's own thread fails if its pool is shut down before it has submitted the work.
        latest_time = time.monotonic() + MAX_SUBMIT_SECONDS
        while not (self.future.running() or self.future.done()) and time.monotonic() < latest_time:
            time.sleep(0.001)
        self._pool.shutdown(wait=True, kill_workers=True)


def _get_change_time(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


_lock = threading.Lock()
_kept: list[WorkerProcess] = []
_timer: threading.Timer | None = None


def _keep(process: WorkerProcess) -> None:
    """Keep a process for `KEPT_SECONDS`; if there are enough already, end the one that was kept first."""
    with _lock:
        _kept.append(process)
        oldest = _kept.pop(0) if len(_kept) > cpu_count() else None
        _start_timer()
    if oldest is not None:
        oldest.kill()


def _take_kept(env: dict[str, str]) -> WorkerProcess | None:
    with _lock:
        for process in _kept:
            if process.env == env:
                _kept.remove(process)
                return process
    return None


def _start_timer() -> None:
    global _timer
    if _timer is not None:
        _timer.cancel()
    _timer = threading.Timer(KEPT_SECONDS, end_kept_workers)
    _timer.daemon = True
    _timer.start()


def end_kept_workers() -> None:
    """End the worker processes that are kept for another search."""
    with _lock:
        ended = _kept[:]
        _kept.clear()
        if _timer is not None:
            _timer.cancel()
    for process in ended:
        process.kill()


def _forget_kept_workers() -> None:
    """Forget the kept processes after a fork, because they belong to the parent process."""
    global _lock, _timer
    _lock, _timer = threading.Lock(), None
    _kept.clear()


atexit.register(end_kept_workers)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_kept_workers)
