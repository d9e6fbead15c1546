"""Encodes raw columns as numbers and category codes, the same way in training and in prediction."""

from typing import Any

import numpy as np
from sklearn.utils import check_array

__all__ = ["ColumnEncoder", "is_dataframe"]

NUMERIC_KINDS = "biuf"
NUMBERS = int | float | np.number | np.bool_ | None
MICROSECONDS_A_DAY = 86_400_000_000


class ColumnEncoder:
    """Encodes the columns of a table: numbers stay numbers, categories become codes.

    Booleans become numbers too, dates become days since 1970. Strings and categoricals of pandas and polars become the
    indices of their values among the sorted values of the training table. Unknown values become missing, like None and
    NaN. Arrays that are no DataFrame have to hold numbers only.

    Attributes
    ----------
    categories : dict of int to list
        The values of each column that holds categories, by the index of the column.
    n_columns : int
    """

    def __init__(self) -> None:
        self.categories: dict[int, list[Any]] = {}
        self.n_columns = 0

    @property
    def feature_types(self) -> list[str] | None:
        """XGBoost's ``feature_types``: "c" for categories, "q" for numbers; None if there are no categories."""
        if not self.categories:
            return None
        return ["c" if index in self.categories else "q" for index in range(self.n_columns)]

    def fit_transform(self, X: Any) -> Any:
        """Learn the categories of the training table, and return the table encoded.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        encoded : ndarray or CSR matrix of float, of shape (n_samples, n_features)

        Raises
        ------
        ValueError
            If a column holds neither numbers nor categories, or anything infinite.
        """
        self.categories = {}
        if not is_dataframe(X):
            encoded = _check_numbers(X)
            self.n_columns = encoded.shape[1]
            return encoded
        self.n_columns = X.shape[1]
        for index, name in enumerate(X.columns):
            values, is_numeric = _read_column(X, index, name)
            if not is_numeric:
                self.categories[index] = _sort_distinct(values)
        return self.transform(X)

    def transform(self, X: Any) -> Any:
        """Encode a table with the same columns.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        encoded : ndarray or CSR matrix of float, of shape (n_samples, n_features)
        """
        if not is_dataframe(X):
            return _check_numbers(X)
        encoded = np.empty(X.shape, dtype=np.float64)
        for index, name in enumerate(X.columns):
            values, is_numeric = _read_column(X, index, name)
            if index in self.categories:
                known = [None if value != value else value for value in values] if is_numeric else values
                encoded[:, index] = _encode_categories(known, self.categories[index])
            elif is_numeric or all(isinstance(value, NUMBERS) for value in values):
                encoded[:, index] = np.array(values, dtype=np.float64)  # None becomes NaN
            else:
                raise ValueError(
                    f"Column {name!r} held numbers in training and now holds {_sort_distinct(values)[:3]}. Give it the "
                    "type it had, or fit again."
                )
        return _check_numbers(encoded)


def is_dataframe(X: Any) -> bool:
    """Whether X is a DataFrame of pandas or polars."""
    return hasattr(X, "columns") and hasattr(X, "dtypes") and hasattr(X, "shape")


def _check_numbers(X: Any) -> Any:
    return check_array(
        X, accept_sparse="csr", dtype=[np.float64, np.float32], ensure_all_finite="allow-nan", input_name="X"
    )


def _read_column(X: Any, index: int, name: Any) -> tuple[Any, bool]:
    """Return the values of a column and whether they are numbers; categories as a list, with None for missing ones."""
    column = X.iloc[:, index] if hasattr(X, "iloc") else X[name]
    numbers, objects = _read_pandas(column) if hasattr(X, "iloc") else _read_polars(column)
    if numbers is not None:
        return numbers, True
    found = {type(value) for value in objects if value is not None}
    if all(issubclass(kind, str | int | float | np.number | np.bool_) for kind in found):
        return objects, False
    raise ValueError(
        f"Column {name!r} holds {', '.join(sorted(kind.__name__ for kind in found))}, and neither numbers, strings nor "
        "categories. Make numbers of it first, or drop it."
    )


def _read_pandas(column: Any) -> tuple[np.ndarray | None, list[Any]]:
    """Return a column as numbers if all values are numbers, otherwise None and the values as a list."""
    is_categorical = hasattr(column.dtype, "categories")
    if getattr(column.dtype, "kind", "O") == "M":
        naive = column.dt.tz_convert("UTC").dt.tz_localize(None) if hasattr(column.dtype, "tz") else column
        return _convert_to_days(naive.to_numpy()), []
    if not is_categorical and getattr(column.dtype, "kind", "O") in NUMERIC_KINDS:
        return column.to_numpy(dtype=np.float64, na_value=np.nan), []
    missing = column.isna().to_numpy()
    objects = [None if is_missing else value for value, is_missing in zip(column.tolist(), missing, strict=True)]
    if not is_categorical and all(isinstance(value, NUMBERS) for value in objects):
        return np.array(objects, dtype=np.float64), []
    return None, objects


def _convert_to_days(dates: Any) -> np.ndarray:
    """Convert dates to days since 1970, with fractions; missing dates become NaN."""
    dates = np.asarray(dates, dtype="datetime64[us]")
    return np.where(np.isnat(dates), np.nan, dates.astype(np.int64) / MICROSECONDS_A_DAY)


def _read_polars(column: Any) -> tuple[np.ndarray | None, list[Any]]:
    if column.dtype.is_temporal() and column.dtype.base_type().__name__ in ("Date", "Datetime"):
        return _convert_to_days(column.to_numpy()), []
    if column.dtype.is_numeric() or str(column.dtype) == "Boolean":
        return np.array(column.to_list(), dtype=np.float64), []
    return None, column.to_list()


def _sort_distinct(values: list[Any]) -> list[Any]:
    """Return the distinct values, sorted, numbers before strings."""
    known = {value for value in values if value is not None}
    return sorted(known, key=lambda value: (isinstance(value, str), value))


def _encode_categories(values: list[Any], categories: list[Any]) -> np.ndarray:
    """Return the indices of values among the categories; NaN for unknown values."""
    codes = {value: float(code) for code, value in enumerate(categories)}
    return np.array([codes.get(value, np.nan) for value in values], dtype=np.float64)
