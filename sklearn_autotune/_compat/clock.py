"""The clock for all time limits. It never goes backward, even if the time of the machine is changed.

A deadline is a time on this clock. The clock of another process may have another origin. So a process sends the number
of seconds left to another process, which computes the deadline on its own clock. `PhaseTimer` adds up the seconds of a
search by phase.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["PhaseTimer", "compute_deadline", "compute_seconds_left", "now"]

now = time.monotonic


def compute_seconds_left(deadline: float | None) -> float | None:
    """Return the seconds until a deadline, negative after it; None if there is no deadline.

    Examples
    --------
    >>> 9 < compute_seconds_left(now() + 10) <= 10
    True
    """
    return None if deadline is None else deadline - now()


def compute_deadline(seconds: float | None) -> float | None:
    """Return the time on this process's clock after a number of seconds; None if there is no limit.

    Examples
    --------
    >>> now() < compute_deadline(10) <= now() + 10
    True
    """
    return None if seconds is None else now() + seconds


@dataclass  # without slots: a fitted search holds it, and skops does not write objects with __slots__
class PhaseTimer:
    """Wall-clock seconds of a search by phase, measured only in the process that calls ``fit``.

    Attributes
    ----------
    total : float
        The seconds from the first candidate asked to the last one told.
    sampler : float
        The seconds in which the sampler proposed candidates, or was told their outcomes.
    measuring : float
        The seconds in which candidates were measured, or the process waited for workers that measured them.

    Examples
    --------
    >>> timer = PhaseTimer()
    >>> with timer.measure("total"), timer.measure("sampler"):
    ...     time.sleep(0.01)
    >>> timer.total >= timer.sampler >= 0.01
    True
    """

    total: float = 0.0
    sampler: float = 0.0
    measuring: float = 0.0
    _is_measuring_part: bool = False

    @contextmanager
    def measure(self, part: str) -> Iterator[None]:
        """Add the seconds of a block to a phase; a block inside another phase than "total" counts for the outer one."""
        is_inside = part != "total" and self._is_measuring_part
        self._is_measuring_part |= part != "total"
        start = time.perf_counter()
        try:
            yield
        finally:
            if not is_inside:
                setattr(self, part, getattr(self, part) + time.perf_counter() - start)
                self._is_measuring_part = False
