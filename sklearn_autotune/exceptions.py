"""The package's own exceptions; everything else raises Python's or scikit-learn's."""

__all__ = ["StudyMismatchError", "WorkerSetupError"]


class StudyMismatchError(ValueError):
    """A stored study was made for another task than the one it is asked to go on with."""


class WorkerSetupError(RuntimeError):
    """A worker process could not be given what it needs, so no candidate can be measured in it."""
