"""Profiles of training columns, and how far new rows differ from them."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_autotune._compat.messages import find_nearest_name
from sklearn_autotune.inference._column_encoder import ALSO_READ, ColumnEncoder
from sklearn_autotune.inference._column_values import encode_categories, read_column
from sklearn_autotune.tables._distribution import compare_counts, count_values, describe_categories, describe_numbers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DriftMeter", "align_to_profile", "check_names", "make_profile", "measure_drift"]

# If a column has more categories, they are not stored, and unseen ones are not detected.
MAX_CATEGORIES = 1000

# A smaller increase of the share of missing values is treated as chance.
MIN_MISSING_INCREASE = 0.02

# New values of a column that are shown.
MAX_EXAMPLES = 3


def make_profile(X: "pd.DataFrame") -> list[dict[str, Any]]:
    """Describe the columns of a training table, in JSON's types.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)

    Returns
    -------
    profile : list of dict
        For each column: its name, its kind ("number" or "category"), its type, what it holds ("numbers", "dates" and so
        on; see `ColumnValues`), the share of missing values, the range or the categories, and the distribution.

    Examples
    --------
    >>> import pandas as pd
    >>> number, category = make_profile(pd.DataFrame({"size": [1.0, 3.0], "kind": ["a", None]}))
    >>> number["low"], number["high"], category["categories"], category["missing"]
    (1.0, 3.0, ['a'], 0.5)
    """
    encoder = ColumnEncoder()
    encoder.fit_transform(X)
    profile = []
    for index, name in enumerate(X.columns):
        entry: dict[str, Any] = {"name": str(name), "type": str(X.dtypes.iloc[index]), "holds": encoder.holds[index]}
        if index in encoder.categories:
            categories = encoder.categories[index]
            entry |= {"kind": "category", "n_categories": len(categories)}
            entry["categories"] = (
                [_to_python_value(value) for value in categories] if len(categories) <= MAX_CATEGORIES else None
            )
            if len(categories) <= MAX_CATEGORIES:
                codes = encode_categories(read_column(X, index, name, as_categories=True).values, categories)
                entry |= describe_categories(codes[~np.isnan(codes)], len(categories))
        else:
            values = read_column(X, index, name).make_axis()
            known = values[~np.isnan(values)]
            low, high = (float(known.min()), float(known.max())) if len(known) else (None, None)
            entry |= {"kind": "number", "low": low, "high": high, **describe_numbers(known)}
        entry["missing"] = float(np.mean(X.iloc[:, index].isna()))
        profile.append(entry)
    return profile


def _to_python_value(value: object) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def check_names(found: Sequence[str], profile: Sequence[Mapping[str, Any]], left_out: Sequence[str] = ()) -> list[str]:
    """Check that a table has the columns of training; return notes on others.

    Parameters
    ----------
    found : sequence of str
        Names of the table's columns.
    profile : sequence of mapping
    left_out : sequence of str, default=()
        Columns that may be present without a note.

    Returns
    -------
    notes : list of str

    Raises
    ------
    ValueError
        If a column is missing.
    """
    names = [entry["name"] for entry in profile]
    missing = [name for name in names if name not in found]
    if missing:
        extra = [str(name) for name in found if name not in names]
        listed = [f"{name}{_suggest_column(name, extra)}" for name in missing]
        raise ValueError(f"columns are missing: {', '.join(listed)}; the model needs {', '.join(names)}")
    extra = [str(name) for name in found if name not in [*names, *left_out]]
    return [f"columns not used: {', '.join(extra)}"] if extra else []


def align_to_profile(
    table: "pd.DataFrame", profile: Sequence[Mapping[str, Any]], left_out: Sequence[str] = ()
) -> tuple[Any, list[str]]:
    """Give a table the columns, order and types of training; return it, and notes on the differences.

    A row becomes the same in a table of its own.

    Parameters
    ----------
    table : DataFrame
    profile : sequence of mapping
    left_out : sequence of str, default=()
        As of `check_names`.

    Returns
    -------
    X : DataFrame
    notes : list of str

    Raises
    ------
    ValueError
        If a column is missing, or if it holds strings although the model needs numbers.
    """
    notes = check_names(list(table.columns), profile, left_out)
    X = table[[entry["name"] for entry in profile]].copy()
    for index, entry in enumerate(profile):
        name, dtype = entry["name"], X[entry["name"]].dtype
        if entry["kind"] == "number" and dtype.kind not in "iufbM" and X[name].notna().any():
            if entry["holds"] == "dates":
                X[name] = _parse_dates(X[name], entry)
            else:
                _check_kind(X, index, entry)
        elif entry["kind"] == "category" and all(isinstance(value, str) for value in entry["categories"] or ()):
            X[name] = _format_numbers(X[name])
    return X, notes


def _format_numbers(column: "pd.Series") -> Any:
    """Return a column of categories with numbers and booleans as strings; what is no number stays as it is."""
    if column.dtype.kind not in "iufbO" or not any(isinstance(value, Real) and value == value for value in column):
        return column
    return [_format_as_string(value) if isinstance(value, Real) and value == value else value for value in column]


def _suggest_column(name: str, extra: Sequence[str]) -> str:
    """Return the column that the model does not know and that may be the missing one."""
    nearest = find_nearest_name(name, extra)
    return "" if nearest is None else f" (did you mean {nearest}?)"


def _parse_dates(column: "pd.Series", entry: Mapping[str, Any]) -> Any:
    """Convert strings to dates."""
    try:
        return column.astype(entry["type"]) if entry["type"] != "object" else column.astype("datetime64[us]")
    except (ValueError, TypeError) as error:
        raise ValueError(f"column {entry['name']!r} held dates in training: {error}") from None


def _check_kind(X: "pd.DataFrame", index: int, entry: Mapping[str, Any]) -> None:
    """Raise ValueError unless a column holds what it held in training; decimals, for instance, are numbers."""
    column, held = read_column(X, index, entry["name"]), entry["holds"]
    if held != "nothing" and column.holds != held and column.holds not in ALSO_READ.get(held, ()):
        strings = [value for value in X.iloc[:, index] if isinstance(value, str)][:3]
        shown = strings or column.find_examples()
        raise ValueError(f"column {entry['name']!r} held {held} in training and now holds {shown}")


def _format_as_string(value: object) -> str:
    """Format a number as it was written in a CSV file whose column was read as strings."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def measure_drift(X: "pd.DataFrame", profile: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Measure, for each column, the share of values that are new, and how far the distribution has shifted.

    Parameters
    ----------
    X : DataFrame
        The table that `align_to_profile` returned.
    profile : sequence of mapping

    Returns
    -------
    drift : list of dict
        Only columns with drift. The keys are ``column``, ``outside`` (share outside the range), ``unseen`` (share of
        unknown categories), ``more_missing`` (increase of the share of missing values), ``shift`` (distance between the
        distributions, see `measure_shift`; 0 if it can be chance), ``share`` (the largest of these) and ``examples``.

    Examples
    --------
    >>> import pandas as pd
    >>> profile = make_profile(pd.DataFrame({"size": [1.0, 3.0], "kind": ["a", "b"]}))
    >>> new = pd.DataFrame({"size": [2.0, 9.0], "kind": ["b", "b"]})
    >>> [(entry["column"], entry["share"]) for entry in measure_drift(new, profile)]
    [('size', 0.5)]
    """
    meter = DriftMeter(profile)
    meter.add(X)
    return meter.measure()


class DriftMeter:
    """Measures the drift of a table that comes in parts; see `measure_drift`.

    Parameters
    ----------
    profile : sequence of mapping
    """

    def __init__(self, profile: Sequence[Mapping[str, Any]]) -> None:
        self.n_rows = 0
        self._columns = [_ColumnDrift(entry) for entry in profile]

    def add(self, X: "pd.DataFrame") -> None:
        """Take the next rows, which `align_to_profile` returned."""
        self.n_rows += len(X)
        for index, column in enumerate(self._columns):
            column.add(X, index)

    def measure(self) -> list[dict[str, Any]]:
        """Return the drift of all rows so far."""
        found = [column.measure(self.n_rows, len(self._columns)) for column in self._columns] if self.n_rows else []
        return sorted((entry for entry in found if entry["share"] > 0), key=lambda entry: -entry["share"])


class _ColumnDrift:
    """Counts of the new values of one column."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.entry = entry
        self.n_missing = self.n_known = self.n_new = 0
        self.counts: Any = 0
        self.examples: dict[Any, None] = {}

    def add(self, X: "pd.DataFrame", index: int) -> None:
        column, entry = X.iloc[:, index], self.entry
        missing = column.isna().to_numpy()
        self.n_missing += int(missing.sum())
        if entry["kind"] == "number" and entry["low"] is not None:
            values = read_column(X, index, entry["name"], as_categories=False).make_axis()
            is_new = ~missing & ((values < entry["low"]) | (values > entry["high"]))
            known = values[~np.isnan(values)]
        elif entry["kind"] == "category" and entry["categories"] is not None:
            codes = encode_categories(
                read_column(X, index, entry["name"], as_categories=True).values, entry["categories"]
            )
            is_new = ~missing & np.isnan(codes)
            known = np.nan_to_num(codes, nan=-1)[~missing]
        else:
            return
        self.n_known += len(known)
        self.n_new += int(is_new.sum())
        self.counts = self.counts + count_values(known, entry)
        if is_new.any() and len(self.examples) < MAX_EXAMPLES:
            found = dict.fromkeys([*self.examples, *column[is_new].tolist()])
            self.examples = dict.fromkeys(list(found)[:MAX_EXAMPLES])

    def measure(self, n_rows: int, n_columns: int) -> dict[str, Any]:
        is_number = self.entry["kind"] == "number"
        shares = dict.fromkeys(("outside", "unseen", "shift"), 0.0)
        shares["outside" if is_number else "unseen"] = self.n_new / n_rows
        shares["shift"] = compare_counts(self.counts, self.n_known, self.entry, n_columns=n_columns)
        increase = self.n_missing / n_rows - self.entry["missing"]
        shares["more_missing"] = increase if increase > MIN_MISSING_INCREASE else 0.0
        examples = [str(_to_python_value(value)) for value in self.examples]
        return {"column": self.entry["name"], "share": max(shares.values()), **shares, "examples": examples}
