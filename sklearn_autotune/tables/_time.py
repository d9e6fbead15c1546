"""The times of the rows of a table, and folds that are fitted on earlier rows than they are tested on."""

from typing import Any

import numpy as np
from sklearn.model_selection import TimeSeriesSplit

from sklearn_autotune._compat.messages import find_nearest_name
from sklearn_autotune.inference._column_values import get_column_names, is_dataframe, read_column

__all__ = ["draw_time_folds", "read_times"]


def read_times(X: Any, time: str | int) -> np.ndarray:
    """Read the times of the rows of a table.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_samples, n_features)
    time : str or int
        The name of a column of a DataFrame, or the position of a column, from 0.

    Returns
    -------
    times : ndarray of shape (n_samples,)
        Numbers that increase with time.

    Raises
    ------
    ValueError
        If there is no such column, or if a row has no time.
    TypeError
        If the column holds neither dates, times nor numbers.
    """
    if is_dataframe(X):
        names = get_column_names(X)
        if time not in names and not isinstance(time, int):
            nearest = find_nearest_name(str(time), [name for name in names if isinstance(name, str)])
            hint = f" Did you mean {nearest!r}?" if nearest else f" There are {', '.join(map(str, names[:20]))}."
            raise ValueError(f"time={time!r} is not a column of X.{hint}")
        index = names.index(time) if time in names else _check_position(int(time), len(names))
        column = read_column(X, index, names[index])
        if column.holds in ("categories", "booleans", "nothing"):
            raise TypeError(
                f"time={time!r} is a column of {column.holds}, which have no order in time. Convert it to dates first: "
                f"X[{time!r}] = pandas.to_datetime(X[{time!r}])."
            )
        times = column.make_axis()
    else:
        if not isinstance(time, int):
            raise ValueError(f"time={time!r} is a name, but X is an array. Pass the position of its column, from 0.")
        table = np.asarray(X, dtype=float)
        times = table[:, _check_position(time, table.shape[1])]
    gaps = np.isnan(times)
    if gaps.any():
        raise ValueError(
            f"The column of time={time!r} has a missing value in {gaps.sum()} of {len(times)} rows, first in row "
            f"{np.flatnonzero(gaps)[0]}. Leave out the rows that have no time."
        )
    return np.asarray(times, dtype=float)


def _check_position(position: int, n_columns: int) -> int:
    if not 0 <= position < n_columns:
        raise ValueError(f"time={position} is not a column of X, which has {n_columns} columns, from 0.")
    return position


def draw_time_folds(times: np.ndarray, n_folds: int, *, is_exact: bool = False) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw folds as `sklearn.model_selection.TimeSeriesSplit` does, but rows of the same time stay together.

    Parameters
    ----------
    times : ndarray of shape (n_samples,)
        Sorted.
    n_folds : int
        There are fewer folds if there are fewer times.
    is_exact : bool, default=False
        Whether fewer folds than ``n_folds`` are an error.

    Returns
    -------
    folds : list of tuple of ndarray
        Training rows and test rows. Each fold is trained on all rows before its test rows.

    Raises
    ------
    ValueError
        If all times are equal, or if there have to be exactly ``n_folds`` and there are fewer times.

    Examples
    --------
    >>> for train, test in draw_time_folds(np.array([1.0, 2.0, 2.0, 2.0, 3.0, 4.0]), 2):
    ...     print(train, test)
    [0] [1 2 3]
    [0 1 2 3] [4 5]
    """
    n_times = len(np.unique(times))
    if n_times < 2:
        raise ValueError("All rows have the same time, but folds need rows of at least 2 times.")
    n_splits = min(n_folds, len(times) - 1)
    starts = [int(test[0]) for _, test in TimeSeriesSplit(n_splits).split(times)] if n_splits > 1 else [len(times) // 2]
    firsts = np.searchsorted(times, times[starts], side="left")
    bounds = sorted(set(firsts.tolist()) - {0})
    if not bounds:  # the first time has most of the rows
        bounds = [int(np.searchsorted(times, times[0], side="right"))]
    if is_exact and len(bounds) < n_folds:
        raise ValueError(
            f"cv={n_folds} folds are more than the times allow: rows of the same time stay together, and {n_times} "
            f"times make {len(bounds)} folds. Pass cv={max(2, len(bounds))} or fewer, or your own splitter."
        )
    rows = np.arange(len(times))
    return [(rows[:start], rows[start:end]) for start, end in zip(bounds, [*bounds[1:], len(times)], strict=True)]
