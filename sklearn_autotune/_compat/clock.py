"""The clock of all time limits: seconds that only go forward, whoever sets the machine's time.

A deadline is a time on this clock. The clock of another process may begin elsewhere, so what is sent to another process
is how many seconds are left, from which the other process computes a deadline of its own. `PhaseTimer` adds up the
seconds of a search by phase.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["PhaseTimer", "compute_deadline", "compute_seconds_left", "now"]

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


@dataclass  # without slots: a fitted search holds it, and skops does not write objects with __slots__
class PhaseTimer:
    """Wall-clock seconds of a search by phase, in the process that calls ``fit``, whatever the number of workers.

    Attributes
    ----------
    total : float
        From the first candidate asked to the last one told.
    sampler : float
        In which the sampler proposed candidates, or was told their outcomes.
    measuring : float
        In which candidates were measured, or the process waited for workers that measured them.

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
        """Add the seconds of a block to a phase; inside another phase, except "total", it counts for that one."""
        is_inside = part != "total" and self._is_measuring_part
        self._is_measuring_part |= part != "total"
        start = time.perf_counter()
        try:
            yield
        finally:
            if not is_inside:
                setattr(self, part, getattr(self, part) + time.perf_counter() - start)
                self._is_measuring_part = False
