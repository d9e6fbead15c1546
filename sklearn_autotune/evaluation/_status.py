"""How a trial ended."""

from enum import StrEnum

__all__ = ["Status"]


class Status(StrEnum):
    """How a trial ended; as a str, what stands in ``trials_`` and in a stored study.

    Attributes
    ----------
    COMPLETE
        Measured in full.
    FAILED
        A fit or a score failed, or the worker died.
    PRUNED
        Stopped before it was measured in full.
    DUPLICATE
        Not measured: an equal candidate had been.
    TIMEOUT
        Running when the time was up.
    CANCELLED
        Running when the search was stopped or interrupted.
    """

    COMPLETE = "complete"
    FAILED = "failed"
    PRUNED = "pruned"
    DUPLICATE = "duplicate"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
