"""Profiles of training columns, and how far new rows differ from them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_autotune._compat.messages import find_nearest_name
from sklearn_autotune.inference._column_encoder import ColumnEncoder, encode_categories
from sklearn_autotune.inference._column_values import read_column
from sklearn_autotune.tables._distribution import describe_categories, describe_numbers, measure_shift

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["align_to_profile", "make_profile", "measure_drift"]

# If a column has more categories, they are not stored, and unseen ones are not detected.
MAX_CATEGORIES = 1000

# A smaller increase of the share of missing values is treated as chance.
MIN_MISSING_INCREASE = 0.02


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


def align_to_profile(
    table: "pd.DataFrame", profile: Sequence[Mapping[str, Any]], left_out: Sequence[str] = ()
) -> tuple[Any, list[str]]:
    """Give a table the columns, order and types of training; return it, and notes on the differences.

    Parameters
    ----------
    table : DataFrame
    profile : sequence of mapping
    left_out : sequence of str, default=()
        Columns that may be present without a note.

    Returns
    -------
    X : DataFrame
    notes : list of str

    Raises
    ------
    ValueError
        If a column is missing, or if it holds strings although the model needs numbers.
    """
    names = [entry["name"] for entry in profile]
    missing = [name for name in names if name not in table.columns]
    if missing:
        extra = [str(name) for name in table.columns if name not in names]
        found = [f"{name}{_suggest_column(name, extra)}" for name in missing]
        raise ValueError(f"columns are missing: {', '.join(found)}; the model needs {', '.join(names)}")
    extra = [str(name) for name in table.columns if name not in [*names, *left_out]]
    notes = [f"columns not used: {', '.join(extra)}"] if extra else []
    X = table[names].copy()
    for entry in profile:
        name, is_number = entry["name"], X[entry["name"]].dtype.kind in "iufbM"
        if entry["kind"] == "number" and not is_number and X[name].notna().any():
            known = [value for value in X[name] if value is not None and value == value]
            if entry["holds"] == "dates" or not all(isinstance(value, int | float) for value in known):
                X[name] = _parse_dates_or_raise(X[name], entry)
        elif entry["kind"] == "category" and is_number and all(isinstance(v, str) for v in entry["categories"] or ()):
            X[name] = [None if value != value else _format_as_string(value) for value in X[name]]
    return X, notes


def _suggest_column(name: str, extra: Sequence[str]) -> str:
    """Return the column that the model does not know and that may be the missing one."""
    nearest = find_nearest_name(name, extra)
    return "" if nearest is None else f" (did you mean {nearest}?)"


def _parse_dates_or_raise(column: "pd.Series", entry: Mapping[str, Any]) -> Any:
    """Convert strings to dates if the column held dates in training; otherwise raise ValueError for the strings."""
    if entry["holds"] == "dates":
        try:
            return column.astype(entry["type"]) if entry["type"] != "object" else column.astype("datetime64[us]")
        except (ValueError, TypeError) as error:
            raise ValueError(f"column {entry['name']!r} held dates in training: {error}") from None
    strings = [value for value in column if isinstance(value, str)][:3]
    raise ValueError(f"column {entry['name']!r} held {entry['holds']} in training and now holds {strings}")


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
    drift: list[dict[str, Any]] = []
    for index, entry in enumerate(profile):
        column = X.iloc[:, index]
        missing = column.isna().to_numpy()
        shares = {"outside": 0.0, "unseen": 0.0, "shift": 0.0}
        examples: list[Any] = []
        if entry["kind"] == "number" and entry["low"] is not None:
            values = read_column(X, index, entry["name"], as_categories=False).make_axis()
            is_far = ~missing & ((values < entry["low"]) | (values > entry["high"]))
            shares["outside"] = float(np.mean(is_far))
            shares["shift"] = measure_shift(values[~np.isnan(values)], entry, n_columns=len(profile))
            examples = column[is_far].tolist()
        elif entry["kind"] == "category" and entry["categories"] is not None:
            values = read_column(X, index, entry["name"], as_categories=True).values
            codes = encode_categories(values, entry["categories"])
            is_new = ~missing & np.isnan(codes)
            shares["unseen"] = float(np.mean(is_new))
            shares["shift"] = measure_shift(np.nan_to_num(codes, nan=-1)[~missing], entry, n_columns=len(profile))
            examples = column[is_new].tolist()
        increase = float(np.mean(missing)) - entry["missing"]
        shares["more_missing"] = increase if increase > MIN_MISSING_INCREASE else 0.0
        share = max(shares.values())
        if share > 0:
            shown = [_to_python_value(value) for value in dict.fromkeys(examples)][:3]
            drift.append(
                {"column": entry["name"], "share": share, **shares, "examples": [str(value) for value in shown]}
            )
    return sorted(drift, key=lambda entry: -entry["share"])
