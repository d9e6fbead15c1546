"""Show the progress of a search or a comparison: a progress bar in a terminal or notebook, lines in a log."""

import logging
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TextIO

import optuna
from optuna.trial import FrozenTrial, TrialState

from sklearn_autotune._compat import clock
from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.storage._outcomes import OUTCOME_ATTRIBUTE

__all__ = ["MethodProgress", "TrialProgress"]

logger = logging.getLogger(__name__)

COUNTED_STATUSES = tuple(str(status) for status in (Status.COMPLETE, Status.PRUNED, Status.FAILED))


class TrialProgress:
    """Shows the progress of a search after each trial; one of ``callbacks``.

    In a terminal or a notebook it draws a progress bar on the standard error stream. Elsewhere, for instance in a
    script whose output goes to a file, it logs a line now and then, at level INFO on the logger
    ``sklearn_autotune.progress``. These lines are shown only if logging is set up, for instance by
    ``logging.basicConfig(level=logging.INFO)``.

    Parameters
    ----------
    n_trials : int, default=None
        ``n_trials`` of the search, for the share done and the time left. None if the search has none.
    timeout : float, default=None
        ``timeout`` of the search in seconds, for the time left.
    every : int, default=10
        A line is logged after this many trials, and after the last of ``n_trials``. No effect on the bar.
    bar : bool or "auto", default="auto"
        Whether to draw a bar, by tqdm. "auto" does where the stream is a terminal, and in notebooks
        that have ipywidgets.
    stream : text stream, default=None
        Where the bar is drawn; None is the standard error stream.

    Notes
    -----
    A callback is not told that a search is over. The bar is closed when ``n_trials`` are done, when another search
    begins, and by `close` or at the end of a ``with`` statement.

    Examples
    --------
    >>> import logging, sys
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import OptunaSearchCV
    >>> from sklearn_autotune.progress import TrialProgress
    >>> X, y = load_iris(return_X_y=True)
    >>> progress = TrialProgress(n_trials=3, bar=False)
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> search = OptunaSearchCV(tree, {"max_depth": [1, 2, 3]}, callbacks=[progress]).fit(X, y)
    >>> print(progress.line().partition(", best")[0])
    3 of 3 trials (100 %)
    """

    _tqdm: Any  # the bar, while there is one

    def __init__(
        self,
        n_trials: int | None = None,
        timeout: float | None = None,
        *,
        every: int = 10,
        bar: bool | str = "auto",
        stream: TextIO | None = None,
    ) -> None:
        _check_bar_option(bar)
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every!r}.")
        self.n_trials = n_trials
        self.timeout = timeout
        self.every = every
        self.bar = bar
        self.stream = stream
        self._reset()

    def __call__(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Count a finished trial, and show the progress."""
        if self._study is not study:
            self._start_study(study, trial)
        self._count(trial)
        n_done = self.n_done
        is_last = self.n_trials is not None and n_done >= self.n_trials
        if self._tqdm is not None:
            self._tqdm.set_postfix_str(self._format_score_and_counts(), refresh=False)
            self._tqdm.update(1)
        elif n_done % self.every == 0 or is_last:
            logger.info("%s", self.line())
        if is_last:
            self.close()

    def __enter__(self) -> "TrialProgress":
        """Return itself; the bar begins with the first trial."""
        return self

    def __exit__(self, *error: Any) -> None:
        """Close the bar."""
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the state of a search under way: a copy starts anew."""
        names = ("n_trials", "timeout", "every", "bar", "stream")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Start anew."""
        self.__dict__.update(state)
        self._reset()

    @property
    def n_done(self) -> int:
        """How many trials of the study have been told, those of an earlier run that was resumed included."""
        return sum(self.counts.values())

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the budget is spent, by the pace so far; None if that cannot be said."""
        left = []
        n_done_here = self.n_done - self._n_done_before
        if self.n_trials is not None and n_done_here > 0:
            left.append(self.seconds / n_done_here * max(0, self.n_trials - self.n_done))
        if self.timeout is not None:
            left.append(max(0.0, self.timeout - self.seconds))
        return min(left) if left else None

    @property
    def seconds(self) -> float:
        """Seconds since the first trial was begun."""
        return clock.now() - self._start

    def line(self) -> str:
        """Return the progress of the search as a line.

        Returns
        -------
        line : str
        """
        share = f" of {self.n_trials}" if self.n_trials else ""
        percent = f" ({100 * self.n_done / self.n_trials:.0f} %)" if self.n_trials else ""
        left = self.seconds_left
        time_left = "" if left is None else f", about {_format_duration(left)} left"
        counts, seconds = self._format_score_and_counts(), _format_duration(self.seconds)
        return f"{self.n_done}{share} trials{percent}, {counts}, {seconds}{time_left}"

    def close(self) -> None:
        """Close the bar, if there is one."""
        if self._tqdm is not None:
            self._tqdm.close()
            self._tqdm = None

    # -- inside --------------------------------------------------------------------------------------------------------

    def _reset(self) -> None:
        self.counts = dict.fromkeys(COUNTED_STATUSES, 0)
        self.best: float | None = None
        self._best_number = -1
        self._study: optuna.Study | None = None
        self._tqdm = None
        self._start = clock.now()
        self._n_done_before = 0

    def _start_study(self, study: optuna.Study, first: FrozenTrial) -> None:
        self.close()
        self._reset()
        self._study = study
        if first.datetime_start is not None:
            elapsed = datetime.now() - first.datetime_start  # in the wall clock's time, which is Optuna's
            self._start = clock.now() - max(0.0, elapsed.total_seconds())
        for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)):
            if trial.number < first.number:  # of an earlier run
                self._count(trial)
        self._n_done_before = self.n_done
        self._tqdm = _make_bar(self.bar, self.stream, self.n_trials, self._n_done_before, "trial")

    def _count(self, trial: FrozenTrial) -> None:
        # Failed trials are told as pruned, since samplers learn from those; our own record says which.
        told = Status.COMPLETE if trial.state == TrialState.COMPLETE else Status.PRUNED
        status = trial.user_attrs.get(OUTCOME_ATTRIBUTE, {}).get("status", told)
        if status not in self.counts:
            return
        self.counts[status] += 1
        if trial.state == TrialState.COMPLETE and (self.best is None or trial.values[0] > self.best):
            self.best, self._best_number = trial.values[0], trial.number

    def _format_score_and_counts(self) -> str:
        best = "no score yet" if self.best is None else f"best {self.best:.5g} (trial {self._best_number})"
        counts = (f"{n} {status}" for status, n in self.counts.items() if n or status == Status.COMPLETE)
        return ", ".join([best, *counts])


class MethodProgress:
    """Shows the progress of a comparison after each fit of a method; one of the ``callbacks`` of `compare`.

    In a terminal or a notebook it draws a progress bar on the standard error stream; elsewhere it logs a line after
    each fit, at level INFO on the logger ``sklearn_autotune.progress``.

    Parameters
    ----------
    bar : bool or "auto", default="auto"
        Whether to draw a bar, as of `TrialProgress`.
    stream : text stream, default=None
        Where the bar is drawn; None is the standard error stream.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import compare
    >>> from sklearn_autotune.progress import MethodProgress
    >>> progress = MethodProgress(bar=False)
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> comparison = compare({"tree": tree}, *load_iris(return_X_y=True), cv=2, random_state=0, callbacks=[progress])
    >>> print(progress.line().rpartition(" in ")[0])
    4 of 4 fits: dummy, fold 2: 0.33333
    """

    def __init__(self, *, bar: bool | str = "auto", stream: TextIO | None = None) -> None:
        _check_bar_option(bar)
        self.bar = bar
        self.stream = stream
        self.n_rows: int | None = None
        self.n_done = 0
        self._last: Mapping[str, Any] | None = None
        self._tqdm: Any = None

    def begin(self, n_rows: int) -> None:
        """Set how many rows there will be, and start the bar: the first fit may take long.

        Parameters
        ----------
        n_rows : int
        """
        self.close()
        self.n_rows, self.n_done, self._last = n_rows, 0, None
        self._tqdm = _make_bar(self.bar, self.stream, n_rows, 0, "fit")

    def __call__(self, row: Mapping[str, Any]) -> None:
        """Count a row of the comparison, and show the progress."""
        self.n_done += 1
        self._last = row
        if self._tqdm is None:
            logger.info("%s", self.line())
            return
        self._tqdm.set_postfix_str(self.line().partition(": ")[2], refresh=False)
        self._tqdm.update(1)
        if self.n_done == self.n_rows:
            self.close()

    def __enter__(self) -> "MethodProgress":
        """Return itself."""
        return self

    def __exit__(self, *error: Any) -> None:
        """Close the bar."""
        self.close()

    def line(self) -> str:
        """Return the progress of the comparison as a line.

        Returns
        -------
        line : str
        """
        total = f" of {self.n_rows}" if self.n_rows else ""
        done = f"{self.n_done}{total} fits"
        if self._last is None:
            return done
        row = self._last
        outcome = f"{row['score']:.5g}" if row["error"] is None else "failed"
        seconds = "" if row["fit_seconds"] is None else f" in {_format_duration(row['fit_seconds'])}"
        return f"{done}: {row['method']}, fold {row['fold'] + 1}: {outcome}{seconds}"

    def close(self) -> None:
        """Close the bar, if there is one."""
        if self._tqdm is not None:
            self._tqdm.close()
            self._tqdm = None


def _check_bar_option(bar: object) -> None:
    if bar not in (True, False, "auto"):
        raise ValueError(f"bar must be True, False or 'auto', got {bar!r}.")


def _make_bar(bar: bool | str, stream: TextIO | None, total: int | None, initial: int, unit: str) -> Any:
    """Return a bar by tqdm where there is to be one, else None."""
    stream = sys.stderr if stream is None else stream
    tqdm = import_optional("tqdm.auto", "A progress bar").tqdm
    is_notebook = any(kind.__module__ == "tqdm.notebook" for kind in tqdm.__mro__)
    is_terminal = bool(getattr(stream, "isatty", bool)())
    if bar is False or (bar == "auto" and not (is_terminal or is_notebook)):
        return None
    # Each step moves the bar, so tqdm's thread that watches over bars which stand still has nothing to do.
    kind = type("PrunerState", (tqdm,), {"monitor_interval": 0})
    return kind(total=total, initial=initial, unit=unit, file=stream, miniters=1)


def _format_duration(seconds: float) -> str:
    """Return seconds as people say them.

    Examples
    --------
    >>> _format_duration(0.42), _format_duration(75), _format_duration(7300)
    ('0.4 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
