"""SearchProgress: passes on how a search is doing to everything that shows it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import optuna

from sklearn_autotune.progress._trial_progress import TrialProgress

__all__ = ["SearchProgress"]


class SearchProgress:
    """Passes on how a search is doing to what shows it: that of ``verbose``, and every `TrialProgress` of the user's.

    Parameters
    ----------
    own : TrialProgress or None
        That of ``verbose``. The search calls it after each candidate, behind the user's callbacks.
    callbacks : sequence of callable
        The user's.
    stages : sequence of str
        Names of the stages after the search.
    """

    def __init__(
        self,
        own: TrialProgress | None = None,
        callbacks: Sequence[Callable[..., Any]] = (),
        stages: Sequence[str] = (),
    ) -> None:
        self.own = () if own is None else (own,)
        self.stages = tuple(stages)
        self._all = [*(callback for callback in callbacks if isinstance(callback, TrialProgress)), *self.own]

    def begin(self, study: optuna.Study, n_candidates: int | None, deadline: float | None) -> None:
        """Tell all that a search begins, as of `TrialProgress.begin`."""
        for progress in self._all:
            progress.begin(study, n_candidates, deadline, self.stages)

    def begin_stage(self, name: str) -> None:
        """Tell all that a stage after the search begins."""
        for progress in self._all:
            progress.begin_stage(name)

    @contextmanager
    def show_search(self) -> Iterator[None]:
        """Show the search in this block; it is over with the block if no stages follow."""
        try:
            yield
        except BaseException:
            self._close()
            raise
        if not self.stages:
            self._end()

    @contextmanager
    def show_stages(self) -> Iterator[None]:
        """Show the search and the stages after it in this block."""
        try:
            yield
            self._end()
        finally:
            self._close()

    def _end(self) -> None:
        for progress in self._all:
            progress.end()

    def _close(self) -> None:
        for progress in self._all:
            progress.close()
