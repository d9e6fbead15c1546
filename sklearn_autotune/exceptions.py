"""The exceptions of searches and studies; those of run folders stand in `runner`."""

__all__ = [
    "ClusterLostError",
    "SearchTerminated",
    "StudyInUseError",
    "StudyMismatchError",
    "StudyStorageError",
    "WorkerSetupError",
]


class StudyMismatchError(ValueError):
    """A stored study was made for another task than the one it is asked to go on with."""


class StudyInUseError(RuntimeError):
    """A stored study is being searched by another process, or by another search of this one."""


class StudyStorageError(RuntimeError):
    """Where a study is stored cannot be read or written; the results so far are on the search."""


class ClusterLostError(RuntimeError):
    """A Dask cluster has no workers any more, or cannot be reached; the results so far are on the search."""


class WorkerSetupError(RuntimeError):
    """A worker process could not be given what it needs, so no candidate can be measured in it."""


class SearchTerminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM while a search was under way; handled like Ctrl-C."""
