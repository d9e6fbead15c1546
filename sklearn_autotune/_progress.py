"""How far a search is: a bar on a terminal, plain lines in a log."""

import sys
import time
from types import TracebackType
from typing import Any, TextIO

import optuna

from sklearn_autotune._optional import require

__all__ = ["Progress"]

# Seconds between two lines of a log.
EVERY = 10.0


class Progress:
    """A callback for searches that says how many candidates there have been, and the best score so far.

    Parameters
    ----------
    total : int or None
        How many candidates there will be, if that is known.
    stream : file or None, default=None
        None is the standard error, so that the standard output stays free.
    is_quiet : bool, default=False
    """

    def __init__(self, total: int | None, stream: TextIO | None = None, is_quiet: bool = False) -> None:
        self.total = total
        self.stream = sys.stderr if stream is None else stream
        self.is_quiet = is_quiet
        self.n_done = 0
        self.best: float | None = None
        self.start = self.said = time.monotonic()
        self.bar: Any = None

    def __enter__(self) -> "Progress":
        """Show the bar, on a terminal."""
        if not self.is_quiet and self.stream.isatty():
            rich = require("rich.progress", "A progress bar")
            columns = (rich.TextColumn("{task.description}"), rich.BarColumn(), rich.TimeElapsedColumn())
            console = require("rich.console", "A progress bar").Console(file=self.stream)
            self.bar = rich.Progress(*columns, console=console, transient=True)
            self.task = self.bar.add_task("searching", total=self.total)
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take the bar away; in a log, say where the search ended."""
        if self.bar is not None:
            self.bar.stop()
        elif not self.is_quiet and self.n_done:
            self._say()

    def __call__(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        """Take note of a candidate."""
        self.n_done += 1
        if trial.state == optuna.trial.TrialState.COMPLETE and trial.value is not None:
            self.best = trial.value if self.best is None else max(self.best, trial.value)
        if self.bar is not None:
            self.bar.update(self.task, advance=1, description=self._text())
        elif not self.is_quiet and time.monotonic() - self.said > EVERY:
            self._say()

    def _text(self) -> str:
        of = "" if self.total is None else f" of {self.total}"
        best = "" if self.best is None else f", best score {self.best:.5g}"
        return f"{self.n_done}{of} candidates{best}"

    def _say(self) -> None:
        self.said = time.monotonic()
        self.stream.write(f"{self._text()}, {self.said - self.start:.0f} s\n")
        self.stream.flush()
