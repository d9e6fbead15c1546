"""Groups of rows that belong together, such as the visits of a patient, and columns that look like them."""

import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.stats import f as f_distribution

from sklearn_autotune.inference._column_values import get_column_names, is_dataframe, is_missing, read_column
from sklearn_autotune.tables._target import read_amounts

__all__ = ["check_groups", "number_groups", "read_groups", "warn_about_group_columns"]

# A column may be a group if one of these is the last word of its name.
GROUP_WORDS = frozenset(
    {"account", "client", "customer", "device", "driver", "group", "groups", "household", "id", "individual", "machine"}
    | {"member", "participant", "patient", "person", "player", "respondent", "session", "student", "subject", "user"}
)
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

# A group column has at least this number of values, and at least this number of rows for each, on average.
MIN_GROUPS = 10
MIN_ROWS_PER_GROUP = 2

# The targets within groups are similar if chance alone would make them so in fewer than this share of tables.
MAX_CHANCE = 1e-3

# The share of the sum of squares that may be due to rounding.
ROUNDING = 1e-12


def read_groups(groups: Any) -> np.ndarray:
    """Number the groups of the rows.

    Parameters
    ----------
    groups : array-like of shape (n_samples,)
        One value for each row, such as a string or a number.

    Returns
    -------
    codes : ndarray of int of shape (n_samples,)
        From 0, in the order of the first rows of the groups.

    Raises
    ------
    ValueError
        If a row has no group or more than one value, or if all rows have the same.

    Examples
    --------
    >>> read_groups(["b", "a", "b", 3])
    array([0, 1, 0, 2])
    """
    values = check_groups(groups)
    codes = number_groups(values)
    if codes.max() < 1:
        raise ValueError(
            f"groups has the same value, {values[0]!r}, in all {len(values)} rows, but folds need at least 2 groups. "
            "Leave groups out, or pass your own cv."
        )
    return codes


def check_groups(groups: Any) -> list[Any]:
    """Return the groups of the rows as a list; raise ValueError unless each row has one value, which is not missing."""
    values = list(groups) if len(getattr(groups, "shape", ())) < 2 else []
    several = next((value for value in values if isinstance(value, list | tuple | np.ndarray | set | dict)), None)
    if several is not None or (not values and hasattr(groups, "shape")):
        found = f"an array of shape {tuple(groups.shape)}" if several is None else f"{several!r} for a row"
        raise ValueError(
            f"groups must be one column, with one value for each row, got {found}. Join several columns to one of "
            "strings, such as 'shop 1, day 2'."
        )
    gaps = [row for row, value in enumerate(values) if is_missing(value)]
    if gaps:
        raise ValueError(
            f"groups contains NaN, None or another missing value in {len(gaps)} of {len(values)} rows, first in row "
            f"{gaps[0]}. Give each of these rows a group of its own if it belongs to no other."
        )
    return values


def number_groups(groups: Any) -> np.ndarray:
    """Number the groups of the rows, as `read_groups` does, without checks.

    Examples
    --------
    >>> number_groups(["b", "b"])
    array([0, 0])
    """
    numbers_by_group: dict[Any, int] = {}
    return np.array([numbers_by_group.setdefault(value, len(numbers_by_group)) for value in list(groups)], dtype=int)


def warn_about_group_columns(X: Any, y: np.ndarray, *, is_classification: bool) -> None:
    """Warn about columns that look like groups; folds are drawn by rows.

    Such a column has the name of a person, a thing or an identifier, several rows for each value, and more similar
    targets within its values than between them. Arrays have no names, so nothing is said about them.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Labels, or numbers in regression.
    is_classification : bool
    """
    if not is_dataframe(X):
        return
    for name, values in _find_named_like_groups(X):
        codes = np.unique(values, return_inverse=True)[1]
        n_groups = int(codes.max()) + 1
        rows_per_group = len(codes) / n_groups
        if n_groups < MIN_GROUPS or rows_per_group < MIN_ROWS_PER_GROUP:
            continue
        if _compute_chance(codes, y, is_classification) < MAX_CHANCE:
            warnings.warn(
                f"Column {name!r} looks like a group: it has {n_groups} values, with {rows_per_group:.1f} rows each on "
                "average, and rows with the same value have similar targets. The folds are drawn by rows. So if the "
                "rows to predict will have other values, the scores are too good: pass them as groups= to fit, and "
                "leave the column out of X. If they will have the same values, ignore this warning.",
                stacklevel=6,
            )


def _find_named_like_groups(X: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Yield names and values of columns without gaps that are named like a group and hold no amounts."""
    for index, name in enumerate(get_column_names(X)):
        words = WORD.findall(name) if isinstance(name, str) else []
        if not words or words[-1].lower() not in GROUP_WORDS:
            continue
        column = read_column(X, index, name)
        if column.holds == "categories":
            values = np.array([None if value is None else str(value) for value in column.values], dtype=object)
            if not any(value is None for value in values):
                yield name, values.astype(str)
        elif column.holds == "numbers" and np.all(column.values == np.round(column.values)):  # NaN differs from itself
            yield name, column.values


def _compute_chance(codes: np.ndarray, y: np.ndarray, is_classification: bool) -> float:
    """Return the p-value of an analysis of variance of the targets by group; for classes, the lowest, corrected."""
    targets = [y == label for label in np.unique(y)] if is_classification else [read_amounts(y)]
    n_rows, n_groups = len(codes), int(codes.max()) + 1
    counts = np.bincount(codes)
    lowest = 1.0
    for target in targets:
        values = np.asarray(target, dtype=float)
        centred = values - values.mean()
        total = float((centred**2).sum())
        between = float((np.bincount(codes, centred) ** 2 / counts).sum())
        within = max(total - between, ROUNDING * total)
        if within > 0:
            ratio = (between / (n_groups - 1)) / (within / (n_rows - n_groups))
            lowest = min(lowest, float(f_distribution.sf(ratio, n_groups - 1, n_rows - n_groups)))
    return min(1.0, lowest * len(targets))
