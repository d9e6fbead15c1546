"""Encodes raw columns as numbers and category codes, the same way in training and in prediction."""

import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, issparse
from sklearn.utils import check_array

from sklearn_autotune.inference._column_values import ColumnValues, is_dataframe, read_column, read_objects

__all__ = ["ColumnEncoder", "clip_outliers", "encode_categories", "fill_missing_codes"]

# Models read numbers as 32-bit floats.
LARGEST_NUMBER = float(np.finfo(np.float32).max)

# How a string looks that reads as a number.
NUMBER = re.compile(r"-?[0-9]{1,300}(\.[0-9]*)?")

# What a column may hold in prediction if it held something else in training.
ALSO_READ = {"numbers": ("booleans",), "booleans": ("numbers",)}


class ColumnEncoder:
    """Encodes the columns of a table: numbers stay numbers, categories become codes.

    Booleans become numbers too. A date becomes the day since 1970, the second of the day and the fraction of the
    second, each of which a 32-bit float holds exactly; those that are the same in all training rows are left out.
    Strings and categoricals become the indices of their values among the sorted values of the training table. Unknown
    values become missing, like None and NaN, and a warning says so if no value of a column is known. Arrays that are no
    DataFrame have to hold numbers only.

    Categories are compared by value: 1, 1.0 and True are the same. Two strings are the same only if they are equal. A
    string is the same as a number that it reads as ("10115" and 10115, "1.0" and 1). Dates, intervals and UUIDs are
    compared as they are written.

    What a sparse matrix leaves out is zero for a model that was fitted on a dense table. For a model that was fitted on
    a sparse matrix, it is what XGBoost takes it for, missing, and zeros of a dense table are left out too.

    Parameters
    ----------
    missing : float, default=nan
        A further number that stands for a missing value. It is left to the model if all columns hold numbers.

    Attributes
    ----------
    names : list
        The columns' names in training; empty if the table was no DataFrame.
    holds : list of str
        What each column held in training; see `ColumnValues`.
    parts : list of tuple of str
        Which parts of each column are encoded; see `ColumnValues.split`.
    categories : dict of int to list
        The values of each column that holds categories, by the index of the column.
    n_columns : int
        Columns of the table, before they are encoded.
    is_sparse : bool
        Whether the training table was a sparse matrix.
    stores_zeros : bool
        Whether that matrix stored some of its zeros.
    """

    def __init__(self, missing: float = np.nan) -> None:
        self.missing = missing
        self.names: list[Any] = []
        self.holds: list[str] = []
        self.parts: list[tuple[str, ...]] = []
        self.categories: dict[int, list[Any]] = {}
        self.is_sparse = False
        self.stores_zeros = False

    @property
    def n_columns(self) -> int:
        """Number of columns of the table."""
        return len(self.holds)

    @property
    def column_indices(self) -> np.ndarray:
        """The index of the table's column that each encoded column comes from."""
        return np.repeat(np.arange(self.n_columns), [len(parts) for parts in self.parts])

    @property
    def n_categories(self) -> np.ndarray:
        """Number of categories of each encoded column; 0 for numbers."""
        return np.array([len(self.categories.get(index, ())) for index in self.column_indices.tolist()], dtype=int)

    @property
    def feature_types(self) -> list[str] | None:
        """XGBoost's ``feature_types``: "c" for categories, "q" for numbers; None if there are no categories."""
        if not self.categories:
            return None
        return ["c" if index in self.categories else "q" for index in self.column_indices.tolist()]

    @property
    def reads_missing(self) -> bool:
        """Whether ``missing`` is replaced by NaN here, as the model could take a code or a part of a date for it."""
        return not set(self.holds) <= {"numbers", "booleans", "nothing"}

    def fit_transform(self, X: Any) -> Any:
        """Learn the categories of the training table, and return the table encoded.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        encoded : ndarray or CSR matrix of float, of shape (n_samples, n_encoded)

        Raises
        ------
        ValueError
            If a column holds neither numbers nor dates nor categories, or anything infinite.
        """
        self.categories, self.names = {}, []
        if not is_dataframe(X):
            encoded = _read_array(X)
            self.holds, self.parts = ["numbers"] * encoded.shape[1], [("value",)] * encoded.shape[1]
            self.is_sparse = issparse(encoded)
            self.stores_zeros = self.is_sparse and bool((encoded.data == 0).any())
            return encoded
        self.is_sparse = self.stores_zeros = False
        self.names = names = list(X.columns)
        columns = [read_column(X, index, name) for index, name in enumerate(names)]
        self.holds = [column.holds for column in columns]
        self.parts = [_find_parts(column) for column in columns]
        for index, column in enumerate(columns):
            if column.holds == "categories":
                self.categories[index] = _sort_distinct(column.values, self.missing)
        return self._encode(columns, names)

    def transform(self, X: Any) -> Any:
        """Encode a table with the same columns.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        encoded : ndarray or CSR matrix of float, of shape (n_samples, n_encoded)

        Raises
        ------
        ValueError
            If a column holds something else than in training.
        """
        if is_dataframe(X):
            names = list(X.columns)
            columns = [
                read_column(X, index, name, index in self.categories)
                for index, name in enumerate(names[: self.n_columns])
            ]
            return self._match_layout(self._encode(columns, names))
        if not self.reads_missing:
            return self._match_layout(_read_array(X))
        values = X.toarray() if issparse(X) else np.asarray(X, dtype=object)
        values = check_array(values, dtype=object, ensure_all_finite=False, input_name="X")
        if values.shape[1] != self.n_columns:
            raise ValueError(f"X has {values.shape[1]} features, but the training table had {self.n_columns}.")
        names = list(range(self.n_columns))
        return self._encode(
            [read_objects(values[:, index].tolist(), index, index in self.categories) for index in names], names
        )

    def _encode(self, columns: Sequence[ColumnValues], names: Sequence[Any]) -> np.ndarray:
        encoded: list[np.ndarray] = []
        for index, (column, name) in enumerate(zip(columns, names, strict=True)):
            if column.holds == "nothing":
                encoded += [np.full(len(column.values), np.nan)] * len(self.parts[index])
                continue
            if index in self.categories:
                encoded.append(encode_categories(column.values, self.categories[index]))
                _warn_if_unknown(encoded[-1], column, self.categories[index], name)
                continue
            parts = self._split_column(column, index, name)
            if self.reads_missing and self.holds[index] in ALSO_READ:
                parts = {"value": np.where(parts["value"] == self.missing, np.nan, parts["value"])}
            encoded += [parts[part] for part in self.parts[index]]
        table = np.column_stack(encoded) if encoded else np.empty((0, 0))
        table = check_array(table, dtype=np.float64, ensure_all_finite=False, input_name="X")
        _check_range(table, [names[index] for index in self.column_indices])
        return table

    def _split_column(self, column: ColumnValues, index: int, name: Any) -> dict[str, np.ndarray]:
        """Return the parts of a column that held no categories in training."""
        held, now = self.holds[index], column.holds
        if held == "nothing":
            return {"value": np.full(len(column.values), np.nan)}
        if now != held and now not in ALSO_READ.get(held, ()):
            raise ValueError(
                f"Column {name!r} held {held} in training and now holds {column.find_examples()}. Give it the type it "
                "had, or fit again."
            )
        return column.split()

    def _match_layout(self, encoded: Any) -> Any:
        """Make a table sparse or dense, as the training table was."""
        if not self.is_sparse:
            return encoded.toarray() if issparse(encoded) else encoded
        if not issparse(encoded):
            if self.stores_zeros:
                raise ValueError(
                    "The sparse matrix of training stored some zeros and left out others, which are missing values. A "
                    "dense table does not say which of its zeros are which. Pass a sparse matrix."
                )
            return csr_matrix(encoded)
        if not self.stores_zeros and (encoded.data == 0).any():
            encoded = encoded.copy()
            encoded.eliminate_zeros()
        return encoded


def _read_array(X: Any) -> Any:
    """Return an array or a sparse matrix as floats."""
    if getattr(getattr(X, "dtype", None), "kind", "") in ("M", "m"):
        raise ValueError(f"X is an array of {X.dtype}. Pass dates as columns of a DataFrame.")
    encoded = check_array(
        X, accept_sparse="csr", dtype=[np.float64, np.float32], ensure_all_finite=False, input_name="X"
    )
    _check_range(encoded, range(encoded.shape[1]))
    return encoded


def _check_range(encoded: Any, names: Sequence[Any]) -> None:
    """Raise ValueError if a column holds infinity, or a number that is too large for a 32-bit float."""
    if issparse(encoded):
        too_large = encoded.indices[np.abs(encoded.data) > LARGEST_NUMBER]
    else:
        largest = np.fmax(np.fmax.reduce(encoded, axis=0), -np.fmin.reduce(encoded, axis=0))
        too_large = np.flatnonzero(largest > LARGEST_NUMBER)
    if len(too_large):
        raise ValueError(
            "Input X contains infinity or a value too large for a 32-bit float in column "
            f"{names[too_large[0]]!r}. Replace it, by NaN if the value is missing."
        )


def _find_parts(column: ColumnValues) -> tuple[str, ...]:
    """Return the parts of a column that differ among the training rows, or the first one if none does."""
    if column.holds == "categories":
        return ("value",)
    parts = column.split()
    differ = [part for part, values in parts.items() if len(np.unique(values[~np.isnan(values)])) > 1]
    return tuple(differ or list(parts)[:1])


def _sort_distinct(values: list[Any], missing: float) -> list[Any]:
    """Return the distinct categories, sorted, numbers before strings; a number that is also a string is left out."""
    known = {value for value in values if value is not None and value != missing}
    as_numbers = {_read_number(value) for value in known if isinstance(value, str)} - {None}
    if missing in as_numbers:
        known = {value for value in known if not (isinstance(value, str) and _read_number(value) == missing)}
    return sorted(known - as_numbers, key=lambda value: (isinstance(value, str), value))


def _read_number(text: str) -> int | float | None:
    """Return the number that a string reads as; None if it reads as none."""
    if not NUMBER.fullmatch(text):
        return None
    number = float(text)
    return int(text) if "." not in text else int(number) if number.is_integer() else number


def encode_categories(values: Sequence[Any], categories: Sequence[Any]) -> np.ndarray:
    """Return the indices of values among the categories, compared as `ColumnEncoder` says; NaN for unknown values."""
    codes: dict[Any, float] = {value: float(code) for code, value in enumerate(categories)}
    number_codes: dict[Any, float] = {}
    for text in sorted((value for value in categories if isinstance(value, str)), key=len):
        number_codes.setdefault(_read_number(text), codes[text])
    found = {}
    for value in dict.fromkeys(values):
        code = codes.get(value)
        if code is None and isinstance(value, str):
            code = codes.get(_read_number(value))
        elif code is None and value is not None:
            code = number_codes.get(value)
        found[value] = np.nan if code is None else code
    return np.fromiter(map(found.__getitem__, values), dtype=np.float64, count=len(values))


def _warn_if_unknown(encoded: np.ndarray, column: ColumnValues, categories: list[Any], name: Any) -> None:
    if categories and len(encoded) and np.isnan(encoded).all():
        warnings.warn(
            f"Column {name!r} holds none of the categories of training: it holds {column.find_examples()}, and "
            f"training had {categories[:3]}. All its values are taken for missing.",
            UserWarning,
            stacklevel=2,
        )


# -- functions of encoded columns that a preparation applies; a kept model refers to them by name ----------------------


def fill_missing_codes(codes: np.ndarray) -> np.ndarray:
    """Replace missing codes by a category of their own."""
    return np.where(np.isnan(codes), -1.0, codes)


def clip_outliers(values: np.ndarray) -> np.ndarray:
    """Clip scaled values at five standard deviations, so that a few extreme rows do not dominate the fit."""
    return np.clip(values, -5.0, 5.0)
