"""The clock of all time limits: seconds that only go forward, whoever sets the machine's time.

A deadline is a time on this clock. The clock of another process may begin elsewhere, so what is sent to another process
is how many seconds are left, from which the other process computes a deadline of its own.
"""

import time

__all__ = ["compute_deadline", "compute_seconds_left", "now"]

now = time.monotonic


def compute_seconds_left(deadline: float | None) -> float | None:
    """Return the seconds until a deadline, below 0 after it; None without a deadline.

    Examples
    --------
    >>> 9 < compute_seconds_left(now() + 10) <= 10
    True
    """
    return None if deadline is None else deadline - now()


def compute_deadline(seconds: float | None) -> float | None:
    """Return the time on this process's clock after so many seconds; None if there is no limit.

    Examples
    --------
    >>> now() < compute_deadline(10) <= now() + 10
    True
    """
    return None if seconds is None else now() + seconds
