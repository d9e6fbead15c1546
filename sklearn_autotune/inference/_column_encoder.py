"""Encodes raw columns as numbers and category codes, in the same way in training and in prediction."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, issparse
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array

from sklearn_autotune.inference._column_values import (
    ColumnValues,
    RepeatedValues,
    encode_categories,
    get_column_names,
    has_categorical_type,
    is_dataframe,
    read_column,
    read_columns,
    read_objects,
    sort_distinct,
)
from sklearn_autotune.inference._text import GRAMS, TextLayout, is_text, measure_texts

__all__ = ["ALSO_READ", "ChunkScaler", "ColumnEncoder", "MedianImputer", "clip_outliers", "fill_missing_codes"]

# Models read numbers as 32-bit floats.
LARGEST_NUMBER = float(np.finfo(np.float32).max)

# From this number of cells on, encoded tables have 32-bit floats, which take half the memory, unless rounding would
# move a value of some column by more than this share of the column's range.
MIN_ROUNDED_CELLS = 10_000_000
MAX_ROUNDING = 1e-6

SCALER_ROWS = 50_000

# Numbers that are beside each other in a table are in the same line of the processor's cache: so many columns are
# written together, CACHED_ROWS rows at a time. Of more rows, each column is freed when it is written.
CACHED_COLUMNS = 8
CACHED_ROWS = 4096
MAX_CACHED_ROWS = 200_000

# By what a column held in training: what else it may hold in prediction.
ALSO_READ = {"numbers": ("booleans",), "booleans": ("numbers",)}


class ColumnEncoder:
    """Encodes the columns of a table: numbers stay numbers, categories become codes.

    Booleans become numbers too. A date becomes three columns: the day since 1970, the second of the day and the
    fraction of the second. A 32-bit float holds each of them exactly. Of these, columns that are constant in training
    are dropped. Strings and categoricals become the indices of their values among the sorted values of the training
    table. Unknown values become missing, like None and NaN; if all values of a column are unknown, there is a warning.
    An array that is not a DataFrame must hold only numbers.

    Categories are compared by value: 1, 1.0 and True are equal. A string is equal to a number if it represents this
    number ("10115" and 10115, "1.0" and 1). Two strings are equal only if they have the same characters. Dates,
    intervals and UUIDs are compared as text.

    If a model was fitted on a dense table, the entries that a sparse matrix does not store are zeros. If it was fitted
    on a sparse matrix, they are missing values, as in XGBoost; then zeros of a dense table are missing values too.

    If free text is read, a column of strings that `is_text` takes for text becomes: the logarithms of the number of
    characters and of words, category codes if texts are repeated, and the hashed n-grams of each text (`TextLayout`).
    So texts that are new in prediction are read too.

    A large dense table is encoded in 32-bit floats, if these are precise enough for each column, and any other one in
    64-bit floats. An array of 32-bit floats stays one.

    Parameters
    ----------
    missing : float, default=nan
        A number that means a missing value, in addition to NaN. If all columns hold numbers, the model handles it.
    reads_text : bool, default=False
        Whether free text is read as text. Otherwise it is read as categories.

    Attributes
    ----------
    names : list
        The names of the columns in training; empty if the table was not a DataFrame.
    holds : list of str
        What each column held in training, in the words of `ColumnValues`.
    parts : list of tuple of str
        Which parts of each column are encoded; see `ColumnValues.split`.
    categories : dict of int to list
        For the index of each column that holds categories, its values.
    texts : dict of int to TextLayout
        For the index of each column that holds text, how it is written.
    dtype : type
        The floats of encoded tables: ``numpy.float32`` or ``numpy.float64``.
    n_columns : int
        The number of columns of the table before it is encoded.
    is_sparse : bool
        Whether the training table was a sparse matrix.
    stores_zeros : bool
        Whether that matrix stored some of its zeros.
    """

    def __init__(self, missing: float = np.nan, reads_text: bool = False) -> None:
        self.missing = missing
        self.reads_text = reads_text
        self.names: list[Any] = []
        self.holds: list[str] = []
        self.parts: list[tuple[str, ...]] = []
        self.categories: dict[int, list[Any]] = {}
        self.texts: dict[int, TextLayout] = {}
        self.is_sparse = False
        self.stores_zeros = False
        self.dtype: type[np.floating[Any]] = np.float64

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
        """Number of categories of each encoded column; 0 for numbers; -1 for n-grams of the first text, and so on."""
        counts: list[int] = []
        for index, parts in enumerate(self.parts):
            n_categories = len(self.categories.get(index, ()))
            if index in self.texts:
                number = list(self.texts).index(index) + 1
                counts += [_count_text_part(part, n_categories, number) for part in parts]
            else:
                counts += [n_categories] * len(parts)
        return np.array(counts, dtype=int)

    @property
    def feature_types(self) -> list[str] | None:
        """XGBoost's ``feature_types``: "c" for categories, "q" for numbers; None if there are no categories."""
        if not self.categories:
            return None
        return ["c" if index in self.categories else "q" for index in self.column_indices.tolist()]

    @property
    def reads_missing(self) -> bool:
        """Whether this class replaces ``missing`` by NaN: otherwise a model could confuse it with a category code."""
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
            If a column holds anything but numbers, dates and categories, or an infinite value.
        """
        self.names, self.dtype = [], np.float64
        if not is_dataframe(X):
            self.categories, self.texts = {}, {}
            encoded = _read_array(X)
            self.holds, self.parts = ["numbers"] * encoded.shape[1], [("value",)] * encoded.shape[1]
            self.is_sparse = issparse(encoded)
            self.stores_zeros = self.is_sparse and bool((encoded.data == 0).any())
            if not self.is_sparse and (encoded.dtype == np.float32 or self._can_round_table(encoded)):
                self.dtype = np.float32
            return encoded if self.is_sparse else encoded.astype(self.dtype, copy=False)
        self.is_sparse = self.stores_zeros = False
        self.names = get_column_names(X)
        if X.shape[0] * X.shape[1] >= MIN_ROUNDED_CELLS:
            self.dtype = np.float32
        table = self._fit_columns(X)
        if table is None:
            self.dtype = np.float64
            table = self._fit_columns(X)
        return table

    def _can_round_table(self, table: np.ndarray) -> bool:
        return table.size >= MIN_ROUNDED_CELLS and all(_can_round(column, self.missing) for column in table.T)

    def _fit_columns(self, X: Any) -> np.ndarray | None:
        """Learn and encode the columns of a DataFrame, one after the other, so that little memory is needed beside.

        Return None if 32-bit floats are not precise enough.
        """
        self.holds, self.parts, self.categories, self.texts = [], [], {}, {}
        encoded: list[np.ndarray] = []
        for index, name in enumerate(self.names):
            column = read_column(X, index, name)
            self._learn_column(column, index, has_categorical_type=has_categorical_type(X, index))
            for part in self._encode_column(column, index, name):
                if self.dtype == np.float32 and (index in self.texts or not _can_round(part, self.missing)):
                    return None
                encoded.append(part.astype(self.dtype))
        return self._stack(encoded, self.names)

    def _learn_column(self, column: ColumnValues, index: int, *, has_categorical_type: bool) -> None:
        self.holds.append(column.holds)
        # A categorical type says that there are categories.
        may_be_text = self.reads_text and column.holds == "categories" and not has_categorical_type
        if may_be_text and is_text(column.values):
            self.holds[index], self.texts[index] = "text", TextLayout.find(column.values)
        if column.holds == "categories" and (index not in self.texts or self.texts[index].has_categories):
            self.categories[index] = sort_distinct(column.values, self.missing)
        self.parts.append(self.texts[index].parts if index in self.texts else _find_parts(column))

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
            If a column holds another kind of values than in training.
        """
        if is_dataframe(X):
            names = get_column_names(X)
            columns = read_columns(X, [self._is_read_as_categories(index) for index in range(self.n_columns)])
            return self._match_layout(self._encode(columns, names))
        if not self.reads_missing:
            return self._match_layout(_read_array(X))
        values = X.toarray() if issparse(X) else np.asarray(X, dtype=object)
        values = check_array(values, dtype=object, ensure_all_finite=False, input_name="X")
        if values.shape[1] != self.n_columns:
            raise ValueError(f"X has {values.shape[1]} features, but the training table had {self.n_columns}.")
        names = list(range(self.n_columns))
        return self._encode(
            [read_objects(values[:, index].tolist(), index, self._is_read_as_categories(index)) for index in names],
            names,
        )

    def _is_read_as_categories(self, index: int) -> bool:
        return index in self.categories or index in self.texts

    def _encode(self, columns: Iterable[ColumnValues], names: Sequence[Any]) -> np.ndarray:
        encoded: list[np.ndarray] = []
        for index, (column, name) in enumerate(zip(columns, names, strict=True)):
            encoded += self._encode_column(column, index, name)
        return self._stack(encoded, names)

    def _encode_column(self, column: ColumnValues, index: int, name: Any) -> list[np.ndarray]:
        """Return the parts of a column as they are encoded."""
        if index in self.texts:
            return self._encode_text(column, index)
        if column.holds == "nothing":
            return [np.full(len(column.values), np.nan)] * len(self.parts[index])
        if index in self.categories:
            codes = encode_categories(column.values, self.categories[index])
            _warn_if_unknown(codes, column, self.categories[index], name)
            return [codes]
        parts = self._split_column(column, index, name)
        return [parts[part] for part in self.parts[index]]

    def _stack(self, encoded: list[np.ndarray], names: Sequence[Any]) -> np.ndarray:
        """Make a table of the encoded columns, which are removed from the list; replace ``missing`` by NaN."""
        n_rows = len(encoded[0]) if encoded else 0
        table = np.empty((n_rows, len(encoded)), dtype=self.dtype)
        is_number = [self.holds[index] in ALSO_READ for index in self.column_indices]
        replaces_missing = self.reads_missing and not np.isnan(self.missing)
        width = CACHED_COLUMNS if n_rows <= MAX_CACHED_ROWS else 1
        for first in range(0, len(encoded), width):
            columns, encoded[first : first + width] = encoded[first : first + width], [np.empty(0)] * width
            for position, values in enumerate(columns if replaces_missing else ()):
                if is_number[first + position]:
                    columns[position] = np.where(values == values.dtype.type(self.missing), np.nan, values)
            _fill_columns(table[:, first : first + width], columns)
        table = check_array(table, dtype=self.dtype, ensure_all_finite=False, input_name="X")
        _check_range(table, [names[index] for index in self.column_indices])
        return table

    def _encode_text(self, column: ColumnValues, index: int) -> list[np.ndarray]:
        """Return the parts of a column of texts."""
        is_empty = column.holds == "nothing"
        is_repeated = isinstance(column.values, RepeatedValues) and 2 * len(column.values.distinct) < len(column.values)
        values = [*column.values.distinct, None] if is_repeated else column.values  # each text once, if that is less
        texts = [None if value is None or is_empty else str(value) for value in values]
        parts = measure_texts(texts)
        if self.texts[index].has_categories:
            parts["value"] = encode_categories(texts, self.categories[index])
        parts |= zip(self.texts[index].gram_parts, self.texts[index].pack(texts).T, strict=True)
        rows = column.values.codes if is_repeated else slice(None)
        return [parts[part][rows] for part in self.parts[index]]

    def _split_column(self, column: ColumnValues, index: int, name: Any) -> dict[str, np.ndarray]:
        """Return the parts of a column, which did not hold categories in training."""
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
        """Make an encoded table sparse or dense, and of the same floats, like the training table."""
        if not self.is_sparse:
            return (encoded.toarray() if issparse(encoded) else encoded).astype(self.dtype, copy=False)
        if not issparse(encoded):
            if self.stores_zeros:
                raise ValueError(
                    "The model was fitted on a sparse matrix that stored some zeros; the entries that it did not store "
                    "were missing values. In a dense table, the two cannot be told apart. Pass a sparse matrix."
                )
            return csr_matrix(encoded)
        if not self.stores_zeros and (encoded.data == 0).any():
            encoded = encoded.copy()
            encoded.eliminate_zeros()
        return encoded


def _fill_columns(table: np.ndarray, columns: Sequence[np.ndarray]) -> None:
    """Write columns into a table of the same shape."""
    for start in range(0, len(table), CACHED_ROWS):
        rows = slice(start, start + CACHED_ROWS)
        for position, values in enumerate(columns):
            table[rows, position] = values[rows]


def _count_text_part(part: str, n_categories: int, number: int) -> int:
    """Return the number of categories of a part of a text: 0 for measures, and its negative number for n-grams."""
    return n_categories if part == "value" else -number if part.startswith(GRAMS) else 0


@contextmanager
def _explain_strings(X: Any) -> Iterator[None]:
    """Say what to pass instead, if what is not a DataFrame cannot be read as numbers because it holds strings."""
    try:
        yield
    except ValueError as error:
        if "could not convert string to float" not in str(error):
            raise
        advice = "a DataFrame of pandas or polars, or a table of Arrow, of which each column has a type of its own"
        if hasattr(X, "to_native"):
            advice = "the table inside: X.to_native()"
        package = type(X).__module__.partition(".")[0]
        raise ValueError(f"X is {package}'s {type(X).__name__} and holds strings: {error}. Pass {advice}.") from error


def _read_array(X: Any) -> Any:
    """Return an array or a sparse matrix as floats."""
    if getattr(getattr(X, "dtype", None), "kind", "") in ("M", "m"):
        raise ValueError(f"X is an array of {X.dtype}. Pass dates as columns of a DataFrame.")
    with _explain_strings(X):
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
        too_large = np.empty(0, dtype=int)
        if not max(np.fmax.reduce(encoded, axis=None), -np.fmin.reduce(encoded, axis=None)) <= LARGEST_NUMBER:
            largest = np.fmax(np.fmax.reduce(encoded, axis=0), -np.fmin.reduce(encoded, axis=0))
            too_large = np.flatnonzero(largest > LARGEST_NUMBER)
    if len(too_large):
        raise ValueError(
            "Input X contains infinity or a value too large for a 32-bit float in column "
            f"{names[too_large[0]]!r}. Replace it, by NaN if the value is missing."
        )


def _can_round(values: np.ndarray, missing: float) -> bool:
    """Whether 32-bit floats are precise enough for a column: `MAX_ROUNDING` says what is."""
    known = values[np.isfinite(values) & (values != missing)]
    if not len(known):
        return True
    with np.errstate(over="ignore"):  # a number that is too large becomes infinity, which is far away
        moved = np.abs(known - known.astype(np.float32)).max()
    value_range = known.max() - known.min()
    return bool(moved <= MAX_ROUNDING * value_range) or not value_range


def _find_parts(column: ColumnValues) -> tuple[str, ...]:
    """Return the parts of a column that are not constant in training, or the first part if all are constant."""
    if column.holds == "categories":
        return ("value",)
    parts = column.split()
    if len(parts) == 1:
        return tuple(parts)
    differ = [part for part, values in parts.items() if len(np.unique(values[~np.isnan(values)])) > 1]
    return tuple(differ or list(parts)[:1])


def _warn_if_unknown(encoded: np.ndarray, column: ColumnValues, categories: list[Any], name: Any) -> None:
    if categories and len(encoded) and np.isnan(encoded).all():
        warnings.warn(
            f"Column {name!r} holds none of the categories of training: it holds {column.find_examples()}, and "
            f"training had {categories[:3]}. All its values are treated as missing.",
            UserWarning,
            stacklevel=2,
        )


# -- for the preparation of encoded columns; pickled models refer to these by name -------------------------------------


class MedianImputer(SimpleImputer):
    """Replaces missing values by medians, and adds a column for each column that has some, as `SimpleImputer` does.

    The results are equal; the way is shorter. scikit-learn 1.9 sorts masked copies of the whole table: for 945,000 rows
    and 30 columns of 32-bit floats that took 650 MB and 5.6 seconds, and one column after the other 4 MB and 0.6
    seconds.

    The table is not copied: missing values are replaced in the array that is passed.

    Examples
    --------
    >>> MedianImputer().fit_transform(np.array([[1.0, 5.0], [np.nan, 6.0], [3.0, 7.0]]))
    array([[1., 5., 0.],
           [2., 6., 1.],
           [3., 7., 0.]])
    """

    def __init__(self) -> None:
        super().__init__(strategy="median", add_indicator=True, keep_empty_features=True, copy=False)

    def fit(self, X: np.ndarray, y: Any = None) -> "MedianImputer":
        """Find the median of each column, and the columns that have missing values.

        Parameters
        ----------
        X : ndarray of float, of shape (n_rows, n_columns)
        y : None

        Returns
        -------
        self : object
        """
        super().fit(X[:1].copy())
        gaps = [np.isnan(column) for column in X.T]
        self.statistics_ = np.array([_compute_median(column[~gap]) for column, gap in zip(X.T, gaps, strict=True)])
        self.indicator_.features_ = np.flatnonzero([gap.any() for gap in gaps])
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Replace missing values, and add the columns that say where they were."""
        if len(self.indicator_.features_):
            return np.asarray(super().transform(X))
        for column, median in zip(X.T, self.statistics_, strict=True):
            column[np.isnan(column)] = median
        return X


class ChunkScaler(StandardScaler):
    """`StandardScaler` that learns from some rows at a time, to save memory, and scales in place.

    For up to 50,000 rows, the results are the same to the last bit.
    """

    def __init__(self) -> None:
        super().__init__(copy=False)

    def fit(self, X: np.ndarray, y: Any = None, sample_weight: Any = None) -> "ChunkScaler":
        """Find mean and standard deviation of each column of an array of shape (n_rows, n_columns)."""
        super().fit(X[:SCALER_ROWS])
        for start in range(SCALER_ROWS, len(X), SCALER_ROWS):
            self.partial_fit(X[start : start + SCALER_ROWS])
        return self


def _compute_median(known: np.ndarray) -> float:
    return float(np.median(known)) if len(known) else 0.0


def fill_missing_codes(codes: np.ndarray) -> np.ndarray:
    """Replace missing codes by the code -1, which becomes one more category."""
    return np.where(np.isnan(codes), -1.0, codes)


def clip_outliers(values: np.ndarray) -> np.ndarray:
    """Clip scaled values at five standard deviations, so that a few extreme rows do not dominate the fit."""
    return np.clip(values, -5.0, 5.0)
