"""Where a search's time goes, by the clock on the wall of the process that leads it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["PhaseTimer"]


@dataclass(slots=True)
class PhaseTimer:
    """Seconds by the clock, whatever the number of workers.

    Attributes
    ----------
    total : float
        From the first candidate asked to the last one told.
    sampler : float
        The part in which the sampler proposed candidates, or was told of them.
    measuring : float
        The part in which nothing was left but to measure, or to wait for workers that did.

    Examples
    --------
    >>> clock = PhaseTimer()
    >>> with clock.running("total"), clock.running("sampler"):
    ...     time.sleep(0.01)
    >>> clock.total >= clock.sampler >= 0.01
    True
    """

    total: float = 0.0
    sampler: float = 0.0
    measuring: float = 0.0
    _is_split: bool = False

    @contextmanager
    def running(self, part: str) -> Iterator[None]:
        """Add the seconds of a block to a part; what runs inside another part belongs to that one."""
        is_inside = part != "total" and self._is_split
        self._is_split |= part != "total"
        start = time.perf_counter()
        try:
            yield
        finally:
            if not is_inside:
                setattr(self, part, getattr(self, part) + time.perf_counter() - start)
                self._is_split = False
