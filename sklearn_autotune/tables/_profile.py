"""What columns held in training, and how far new rows are from it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sklearn_autotune.tables._encoder import ColumnEncoder

__all__ = ["align_to_profile", "make_profile", "measure_drift"]

# Of a column with more categories than this, only so many are written down, and unseen ones cannot be told.
MOST_CATEGORIES = 1000

# A share of missing values that grew by less is chance.
LEAST_MISSING = 0.02


def make_profile(X: Any) -> list[dict[str, Any]]:
    """Describe the columns of a training table, in JSON's types.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)

    Returns
    -------
    profile : list of dict
        For each column its name, kind ("number" or "category"), type, share of missing values, and the range, or the
        categories.

    Examples
    --------
    >>> import pandas as pd
    >>> number, category = make_profile(pd.DataFrame({"size": [1.0, 3.0], "kind": ["a", None]}))
    >>> number["low"], number["high"], category["categories"], category["missing"]
    (1.0, 3.0, ['a'], 0.5)
    """
    columns = ColumnEncoder()
    encoded = columns.fit_transform(X)
    profile = []
    for place, name in enumerate(X.columns):
        values = encoded[:, place]
        known = values[~np.isnan(values)]
        entry: dict[str, Any] = {"name": str(name), "type": str(X.dtypes.iloc[place])}
        if place in columns.categories:
            categories = columns.categories[place]
            entry |= {"kind": "category", "n_categories": len(categories)}
            entry["categories"] = (
                [_plain(value) for value in categories] if len(categories) <= MOST_CATEGORIES else None
            )
        else:
            low, high = (float(known.min()), float(known.max())) if len(known) else (None, None)
            entry |= {"kind": "number", "low": low, "high": high}
        entry["missing"] = float(np.mean(X.iloc[:, place].isna()))
        profile.append(entry)
    return profile


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def align_to_profile(
    table: Any, profile: Sequence[Mapping[str, Any]], left_out: Sequence[str] = ()
) -> tuple[Any, list[str]]:
    """Return the columns that the model knows, in its order and of its types, and what was noticed on the way.

    Parameters
    ----------
    table : DataFrame
    profile : sequence of mapping
    left_out : sequence of str, default=()
        Columns of which nothing needs to be said if they are there.

    Returns
    -------
    X : DataFrame
    notes : list of str

    Raises
    ------
    ValueError
        If a column is missing, or holds words where the model knows numbers.
    """
    names = [entry["name"] for entry in profile]
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise ValueError(f"columns are missing: {', '.join(missing)}; the model needs {', '.join(names)}")
    extra = [str(name) for name in table.columns if name not in [*names, *left_out]]
    notes = [f"columns not used: {', '.join(extra)}"] if extra else []
    X = table[names].copy()
    for entry in profile:
        name, is_number = entry["name"], X[entry["name"]].dtype.kind in "iufbM"
        if entry["kind"] == "number" and not is_number and X[name].notna().any():
            known = [value for value in X[name] if value is not None and value == value]
            if entry["type"].startswith("datetime64") or not all(isinstance(value, int | float) for value in known):
                X[name] = _as_known(X[name], entry)
        elif entry["kind"] == "category" and is_number and all(isinstance(v, str) for v in entry["categories"] or ()):
            X[name] = [None if value != value else _word(value) for value in X[name]]
    return X, notes


def _as_known(column: Any, entry: Mapping[str, Any]) -> Any:
    """Make dates of strings where training had dates; refuse words where it had numbers."""
    if entry["type"].startswith("datetime64"):
        try:
            return column.astype(entry["type"])
        except (ValueError, TypeError) as error:
            raise ValueError(f"column {entry['name']!r} held dates in training: {error}") from None
    words = [value for value in column if isinstance(value, str)][:3]
    raise ValueError(f"column {entry['name']!r} held numbers in training and now holds {words}")


def _word(value: Any) -> str:
    """Write a number as a CSV file had it, when it was read as a word."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def measure_drift(X: Any, profile: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Say for each column which share of its values lies outside of what training had.

    Parameters
    ----------
    X : DataFrame
        As `align_to_profile` returns it.
    profile : sequence of mapping

    Returns
    -------
    drift : list of dict
        Only columns with any: ``column``, ``outside`` (share outside the range), ``unseen`` (share of categories not
        seen), ``more_missing`` (how much the share of
        missing values has grown), ``share`` (the largest of these) and
        ``examples``.

    Examples
    --------
    >>> import pandas as pd
    >>> profile = make_profile(pd.DataFrame({"size": [1.0, 3.0], "kind": ["a", "b"]}))
    >>> new = pd.DataFrame({"size": [2.0, 9.0], "kind": ["b", "b"]})
    >>> [(one["column"], one["share"]) for one in measure_drift(new, profile)]
    [('size', 0.5)]
    """
    encoded, drift = ColumnEncoder().fit_transform(X), []
    for place, entry in enumerate(profile):
        column = X.iloc[:, place]
        missing = column.isna().to_numpy()
        found = {"outside": 0.0, "unseen": 0.0}
        examples: list[Any] = []
        if entry["kind"] == "number" and entry["low"] is not None:
            values = encoded[:, place]
            is_far = ~missing & ((values < entry["low"]) | (values > entry["high"]))
            found["outside"] = float(np.mean(is_far))
            examples = column[is_far].tolist()
        elif entry["kind"] == "category" and entry["categories"] is not None:
            is_new = ~missing & ~column.isin(entry["categories"]).to_numpy()
            found["unseen"] = float(np.mean(is_new))
            examples = column[is_new].tolist()
        more = float(np.mean(missing)) - entry["missing"]
        found["more_missing"] = more if more > LEAST_MISSING else 0.0
        share = max(found["outside"], found["unseen"], found["more_missing"])
        if share > 0:
            shown = [_plain(value) for value in dict.fromkeys(examples)][:3]
            drift.append(
                {"column": entry["name"], "share": share, **found, "examples": [str(value) for value in shown]}
            )
    return sorted(drift, key=lambda one: -one["share"])
