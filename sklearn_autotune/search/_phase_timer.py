"""PhaseTimer: the seconds of a search by phase, in the process that calls ``fit``."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["PhaseTimer"]


@dataclass  # without slots: a fitted search holds it, and skops does not write objects with __slots__
class PhaseTimer:
    """Wall-clock seconds of a search by phase, whatever the number of workers.

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
