"""Encodes raw columns as numbers and category codes, the same way in training and in prediction; checks the target."""

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils import check_array, check_consistent_length, column_or_1d

__all__ = [
    "ColumnEncoder",
    "check_classes",
    "check_target_and_metadata",
    "check_weighted_classes",
    "is_dataframe",
    "require_target",
]

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


def require_target(estimator: Any, y: Any) -> None:
    """Raise ValueError, in scikit-learn's words, if there is no target."""
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y is None."
        )


def check_target_and_metadata(encoded: Any, y: Any, metadata: Mapping[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
    """Check that target and metadata have an entry for each row and valid values.

    Parameters
    ----------
    encoded : array of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    metadata : mapping of str to object
        None values are dropped. ``sample_weight`` has to hold numbers of at least 0, one of them above 0.

    Returns
    -------
    y : ndarray of shape (n_samples,)
    metadata : dict of str to object
    """
    y = column_or_1d(check_array(y, ensure_2d=False, dtype=None, input_name="y"), warn=True)
    params = {name: value for name, value in metadata.items() if value is not None}
    check_consistent_length(encoded, y, *params.values())
    if "sample_weight" in params:
        weight = check_array(params["sample_weight"], ensure_2d=False, input_name="sample_weight")
        if weight.ndim != 1 or (weight < 0).any():
            raise ValueError("sample_weight must have one number of at least 0 for each row of X.")
        if not weight.any():
            raise ValueError("sample_weight is zero for all rows: there is no weight to learn from.")
        params["sample_weight"] = weight
    return y, params


def check_classes(classes: np.ndarray, counts: np.ndarray, cv: Any) -> None:
    """Raise ValueError if there is only one class, or if a class has fewer rows than there are folds."""
    if len(classes) < 2:
        raise ValueError(
            f"This classifier needs samples of at least 2 classes, but y contains only one class: {classes[0]!r}."
        )
    rarest, n_rows = classes.tolist()[counts.argmin()], counts.min()
    if isinstance(cv, numbers.Integral) and n_rows < cv:
        fewer = f"cv={n_rows}, or " if n_rows > 1 else ""
        raise ValueError(
            f"Class {rarest!r} has {n_rows} {'member' if n_rows == 1 else 'members'}, fewer than the {cv} folds. "
            f"Pass {fewer}a splitter of your own, or merge or drop the class."
        )


def check_weighted_classes(classes: np.ndarray, class_codes: np.ndarray, weight: np.ndarray | None) -> None:
    """Raise ValueError if only one class has weight: XGBoost 3.0 fails on it, and there is nothing to tune."""
    with_weight = np.unique(class_codes if weight is None else class_codes[weight > 0])
    if len(with_weight) < 2:
        raise ValueError(
            f"sample_weight is zero for all rows but those of one class: {classes.tolist()[with_weight[0]]!r}."
        )


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
