"""MethodProgress: shows the progress of a comparison after each fit of a method."""

from collections.abc import Mapping
from typing import Any, TextIO

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.progress._display import LineWriter, check_bar_option, format_duration, make_bar

__all__ = ["MethodProgress"]


class MethodProgress:
    """Shows the progress of a comparison after each fit of a method; one of the ``callbacks`` of `compare`.

    As `TrialProgress`, it draws a bar in a terminal or notebook, and writes lines elsewhere.

    Parameters
    ----------
    bar : bool or "auto", default="auto"
        Whether to draw a bar, as of `TrialProgress`.
    stream : text stream, default=None
        Where bar or lines are written; None is the standard error stream.

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
    4 of 4 fits: dummy, fold 2: accuracy 0.33333
    """

    def __init__(self, *, bar: bool | str = "auto", stream: TextIO | None = None) -> None:
        check_bar_option(bar)
        self.bar = bar
        self.stream = stream
        self.n_rows: int | None = None
        self.n_done = 0
        self._metric = Metric()
        self._last: Mapping[str, Any] | None = None
        self._tqdm: Any = None
        self._lines = LineWriter(clock.now())

    def begin(self, n_rows: int, metric: Metric | None = None) -> None:
        """Set how many rows there will be, and start the bar: the first fit may take long.

        Parameters
        ----------
        n_rows : int
        metric : Metric, default=None
            What the methods are scored by. None is called "score".
        """
        self.close()
        self.n_rows, self.n_done, self._last = n_rows, 0, None
        self._metric = Metric() if metric is None else metric
        self._lines = LineWriter(clock.now())
        self._tqdm = make_bar(self.bar, self.stream, float(n_rows), self.line("/"))

    def __call__(self, row: Mapping[str, Any]) -> None:
        """Count a row of the comparison, and show the progress."""
        self.n_done += 1
        self._last = row
        if self._tqdm is None:
            share = None if self.n_rows is None else self.n_done / self.n_rows
            if self.n_done == self.n_rows or self._lines.is_due(share, clock.now()):
                self._lines.write(self.line(), self.n_done, self.stream)
            return
        self._draw()
        if self.n_done == self.n_rows:
            self.close()

    def _draw(self) -> None:
        self._tqdm.n = float(self.n_done)
        self._tqdm.set_description_str(self.line("/"), refresh=False)
        self._tqdm.refresh()

    def __enter__(self) -> "MethodProgress":
        """Return itself."""
        return self

    def __exit__(self, *error: Any) -> None:
        """Close the bar."""
        self.close()

    def line(self, of: str = " of ") -> str:
        """Return the progress of the comparison as a line.

        Parameters
        ----------
        of : str, default=" of "
            What stands between the fits done and all fits.

        Returns
        -------
        line : str
        """
        total = f"{of}{self.n_rows}" if self.n_rows else ""
        done = f"{self.n_done}{total} fits"
        if self._last is None:
            return done
        row = self._last
        outcome = self._metric.explain(row["score"]) if row["error"] is None else "failed"
        seconds = "" if row["fit_seconds"] is None else f" in {format_duration(row['fit_seconds'])}"
        return f"{done}: {row['method']}, fold {row['fold'] + 1}: {outcome}{seconds}"

    def close(self) -> None:
        """Close the bar, if there is one."""
        if self._tqdm is not None:
            self._tqdm.close()
            self._tqdm = None
