"""How a trial ended."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

__all__ = ["Status", "describe_counts"]


class Status(StrEnum):
    """How a trial ended. The values are the texts in ``trials_`` and in stored studies.

    Attributes
    ----------
    COMPLETE
        Measured in full.
    FAILED
        A fit or a score failed, or the worker died.
    PRUNED
        Stopped before it was measured in full.
    DUPLICATE
        Not measured, because an equal candidate had already been measured.
    TIMEOUT
        Not finished when the time limit was reached.
    CANCELLED
        Not finished when the search was stopped or interrupted.
    """

    COMPLETE = "complete"
    FAILED = "failed"
    PRUNED = "pruned"
    DUPLICATE = "duplicate"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"


# The words for a sentence. Duplicates are not measured, and messages describe them separately.
WORDS = {
    Status.COMPLETE: "complete",
    Status.PRUNED: "pruned (stopped early)",
    Status.FAILED: "failed",
    Status.TIMEOUT: "unfinished when the time was up",
    Status.CANCELLED: "cancelled",
}


def describe_counts(statuses: Iterable[str]) -> str:
    """Return in words how many candidates ended in each way, without duplicates.

    Examples
    --------
    >>> describe_counts(["complete", "pruned", "duplicate", "pruned"])
    '3 candidates: 1 complete, 2 pruned (stopped early)'
    """
    counts = Counter(Status(status) for status in statuses)
    n = counts.total() - counts[Status.DUPLICATE]
    found = [status for status in WORDS if counts[status]]
    if len(found) == 1:
        return f"{n} candidate{'s, all' if n > 1 else ','} {WORDS[found[0]]}"
    ends = ", ".join(f"{counts[status]} {WORDS[status]}" for status in found)
    return f"{n} candidates: {ends}" if n else "0 candidates"
