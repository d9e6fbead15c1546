"""The exceptions of searches and studies. Those of run folders are in `runner`."""

__all__ = [
    "ClusterLostError",
    "SearchTerminated",
    "StudyInUseError",
    "StudyMismatchError",
    "StudyStorageError",
    "WorkerSetupError",
]


class StudyMismatchError(ValueError):
    """A stored study cannot be resumed, because it was made for another task: other data, folds, space or estimator."""


class StudyInUseError(RuntimeError):
    """Another search uses the stored study at this moment, in this process or in another one."""


class StudyStorageError(RuntimeError):
    """The storage of a study cannot be read or written. The search keeps the results so far."""


class ClusterLostError(RuntimeError):
    """A Dask cluster has lost all its workers, or cannot be reached. The search keeps the results so far."""


class WorkerSetupError(RuntimeError):
    """The estimator, the data or the scorer could not be sent to a worker process, so it cannot measure candidates."""


class SearchTerminated(KeyboardInterrupt):
    """The process received SIGTERM during a search. This is handled like Ctrl-C."""
