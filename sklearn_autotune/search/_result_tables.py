"""The tables on a fitted search: ``cv_results_``, which warns of gaps, and ``trials_``, which prints a few rows."""

import inspect
import re
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sklearn_autotune._compat.html import (
    format_parameters,
    render_paragraphs,
    render_table,
    render_view,
    shorten,
    shorten_names,
    wants_html,
)
from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.storage._outcomes import MEASURED_STATUSES

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CVResults", "ColumnTable", "Front", "Trials"]

SCORE_COLUMN = re.compile(r"(mean|std|split\d+)_(test|train)_")

# Packages that read a table as a whole, or that know that it may have gaps.
SILENT_READERS = {"sklearn_autotune", "sklearn", "pandas"}

N_SHOWN_ROWS = 10
MAX_PARAMS_LENGTH = 60  # characters of a candidate's parameters in a row of a printed table
MAX_HTML_LENGTH = 120  # and in a notebook, which breaks lines


class CVResults(dict[str, Any]):
    """``cv_results_``: scikit-learn's table as a dict, which warns once if a score is read that some candidates lack.

    Lines written for scikit-learn's searches, such as ``np.argmax(search.cv_results_["mean_test_score"])``, would
    otherwise silently give NaN, or a candidate that was stopped early. Packages that read the whole table, such as
    pandas, cause no warning, and neither does a copy by ``dict(search.cv_results_)``.

    Parameters
    ----------
    columns : mapping of str to ndarray or list, default=()
    n_stopped : int, default=0
        How many candidates were stopped early, so that they have NaN in columns of scores; 0 if the user knows, because
        they chose the pruner.
    has_pruner : bool, default=True
        Whether the search has a parameter ``pruner``.
    """

    def __init__(
        self,
        columns: Mapping[str, Any] | Iterable[tuple[str, Any]] = (),
        n_stopped: int = 0,
        has_pruner: bool = True,
    ) -> None:
        super().__init__(columns)
        self.n_stopped = n_stopped
        self.has_pruner = has_pruner

    def __getitem__(self, name: str) -> Any:
        column = super().__getitem__(name)
        if self.n_stopped and isinstance(name, str) and SCORE_COLUMN.match(name) and np.isnan(column).any():
            caller = inspect.currentframe()
            caller = None if caller is None else caller.f_back
            if caller is None or caller.f_globals.get("__name__", "").partition(".")[0] not in SILENT_READERS:
                message = self._describe_gaps(name, len(column))
                self.n_stopped = 0
                warnings.warn(message, stacklevel=2)
        return column

    def _describe_gaps(self, name: str, n_candidates: int) -> str:
        way_out = " pruner=None measures every candidate in full." if self.has_pruner else ""
        return (
            f"{self.n_stopped} of {n_candidates} candidates were stopped early and have NaN in {name!r}: .max() gives "
            "NaN, and np.argmax the row of a stopped candidate. Write search.best_score_ and search.best_index_, or "
            f"np.nanmax(search.cv_results_[{name!r}]).{way_out} dict(search.cv_results_) is a copy that does not warn."
        )


class ColumnTable(dict[str, Any]):
    """A dict of columns that shows its first rows as a table, in text and in a notebook."""

    # Columns that are aligned at the left.
    text_columns: ClassVar[tuple[str, ...]] = ("status", "params")

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.values()), ()))

    def to_frame(self) -> "pd.DataFrame":
        """Return the table as a DataFrame; needs pandas.

        Returns
        -------
        frame : pandas.DataFrame
        """
        pandas: Any = import_optional("pandas", "A DataFrame of a table")
        return pandas.DataFrame(dict(self))

    def preview(self, n_rows: int = N_SHOWN_ROWS) -> tuple[list[str], list[list[str]]]:
        """Return the header, and the first rows as text; the columns are the most telling ones."""
        header = list(self)
        return header, [[str(self[name][row]) for name in header] for row in range(min(n_rows, self.n_rows))]

    def describe_rest(self, rows: list[list[str]]) -> str:
        """Return a line about the rows that are not shown; empty if all are."""
        n_left = self.n_rows - len(rows)
        return f"… {n_left} more" if n_left else ""

    def __repr__(self) -> str:
        header, rows = self.preview()
        rows = [[shorten(cell, MAX_PARAMS_LENGTH) for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        is_text = [name in self.text_columns for name in header]
        lines = [
            "  ".join(
                cell.ljust(width) if left else cell.rjust(width)
                for cell, width, left in zip(row, widths, is_text, strict=True)
            ).rstrip()
            for row in [header, *rows]
        ]
        rest = self.describe_rest(rows)
        return "\n".join([*lines, rest] if rest else lines)

    def _repr_html_(self) -> str | None:
        if not wants_html():
            return None
        header, rows = self.preview()
        numbers = [name for name in header if name not in self.text_columns]
        cells = [dict(zip(header, row, strict=True)) for row in rows]
        table = [render_table(cells, verbatim=header, numbers=numbers, max_length=MAX_HTML_LENGTH)] if rows else []
        rest = self.describe_rest(rows)
        more = [render_paragraphs([f"{rest}. to_frame() is the whole table."], "aside")] if rest else []
        title = f"{type(self).__name__}: {self.n_rows} row{'s' * (self.n_rows != 1)}"
        return render_view(title, [*table, *more])


class Front(ColumnTable):
    """``front_``: the candidates of a search that no other one beats, as a dict of columns, printed as a table."""

    def preview(self, n_rows: int = N_SHOWN_ROWS) -> tuple[list[str], list[list[str]]]:
        """Return the header, and the first rows as text."""
        header = list(self)

        def write(name: str, value: Any) -> str:
            if name == "params":
                return format_parameters(value)
            return str(value) if name == "index" else f"{value:.5g}"

        return header, [[write(name, self[name][row]) for name in header] for row in range(min(n_rows, self.n_rows))]


class Trials(ColumnTable):
    """``trials_``: all trials of a search, as a dict of columns; ten of them are printed as a table.

    Parameters
    ----------
    columns : mapping of str to ndarray or list, default=()
    metrics : mapping of str to Metric, default=None
        For each column of mean scores what it is called, and which values are better.
    best_row : int, default=None
        Row of the winner in ``cv_results_``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import OptunaSearchCV
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> search = OptunaSearchCV(tree, {"max_depth": [1, 2, 3]}).fit(*load_iris(return_X_y=True))
    >>> search.trials_.to_frame()["status"].tolist()
    ['complete', 'complete', 'complete']
    """

    def __init__(
        self,
        columns: Mapping[str, Any] | Iterable[tuple[str, Any]] = (),
        metrics: Mapping[str, Metric] | None = None,
        best_row: int | None = None,
    ) -> None:
        super().__init__(columns)
        self.metrics = dict(metrics or {})
        self.best_row = best_row

    def preview(self, n_rows: int = N_SHOWN_ROWS) -> tuple[list[str], list[list[str]]]:
        """Return the most telling columns of the first trials as text.

        Parameters
        ----------
        n_rows : int, default=10

        Returns
        -------
        header : list of str
            Names of the columns. "candidate" is the row in ``cv_results_``, which a duplicate or unfinished trial does
            not have. A score has the name of its metric, and a loss its own sign. Names of parameters are shortened by
            the steps of a pipeline where the rest still names one alone.
        rows : list of list of str
            As many entries as the header has. A star marks the winner.
        """
        head = {name: column[:n_rows] for name, column in self.items()}
        statuses = [str(status) for status in head.get("status", [])]
        cells: dict[str, list[str]] = {"candidate": self._list_candidates(statuses), "status": statuses}
        for name, column in head.items():
            if name.startswith("mean_test_"):
                metric = self.metrics.get(name, Metric(name))
                cells[metric.label] = [_format_number(metric.sign * value + 0.0, 5) for value in column]
        cells["folds"] = [str(n_folds) for n_folds in head.get("n_folds", [])]
        cells["resource"] = [str(amount) for amount in head.get("resource", [])]
        cells["seconds"] = [_format_number(seconds, 3) for seconds in head.get("seconds", [])]
        short = shorten_names({name: None for params in self.get("params", []) for name in params})
        cells["params"] = [
            format_parameters({short[name]: value for name, value in params.items()})
            for params in head.get("params", [])
        ]
        filled = {name: column for name, column in cells.items() if column}
        return list(filled), [list(row) for row in zip(*filled.values(), strict=True)]

    def describe_rest(self, rows: list[list[str]]) -> str:
        """Return how many trials are not shown, and which of them is the winner; empty if all are shown."""
        rest = super().describe_rest(rows)
        is_hidden = self.best_row is not None and not any(row[0].startswith("*") for row in rows)
        return f"{rest}; the winner is candidate {self.best_row}" if rest and is_hidden else rest

    def _list_candidates(self, statuses: list[str]) -> list[str]:
        """Return each trial's row in ``cv_results_``, with a star for the winner; "-" where there is none."""
        candidates, row = [], 0
        for status in statuses:
            is_measured = status in MEASURED_STATUSES
            candidates.append(("* " if row == self.best_row else "") + str(row) if is_measured else "-")
            row += is_measured
        return candidates


def _format_number(value: float, digits: int) -> str:
    return "-" if np.isnan(value) else f"{value:.{digits}g}"
