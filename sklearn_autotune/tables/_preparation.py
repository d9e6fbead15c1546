"""Prepares the columns of an encoded table for a model, inside each fold."""

from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from sklearn_autotune._compat.sklearn import take_rows
from sklearn_autotune.inference._column_encoder import ChunkScaler, MedianImputer, clip_outliers, fill_missing_codes
from sklearn_autotune.inference._target_statistics import TargetStatistics
from sklearn_autotune.tables._inner_folds import fit_with_inner_folds
from sklearn_autotune.tables._shared_steps import FittedSteps

__all__ = ["make_preparation", "prepare_rows", "take_in_columns"]

# Of a column with more categories, models get statistics of the target. Models that split categories themselves need
# these too: on five of six tables with columns of 35 to 104 categories, XGBoost's log loss fell by 3 to 8 %.
MAX_CATEGORIES = 20

CHUNK_ROWS = 4096  # rows that are copied together: they fit in the processor's cache


def make_preparation(
    kind: str, n_categories: np.ndarray, n_rows: int, is_classification: bool, dtype: Any = np.float64
) -> Any:
    """Make the transformer that prepares an encoded table for a kind of model.

    Parameters
    ----------
    kind : {"scaled", "coded", "native"}
        See `Family`.
    n_categories : ndarray of int, of shape (n_columns,)
        0 for numbers. Columns of texts, which have negative ones, are dropped.
    n_rows : int
        The number of rows on which it will be fitted.
    is_classification : bool
    dtype : type, default=numpy.float64
        The floats of the encoded table. 32-bit ones stay 32-bit ones.

    Returns
    -------
    preparation : ColumnTransformer
        Unfitted; it is fitted inside each fold. It returns arrays even if ``sklearn.set_config`` asks for DataFrames.
    """
    columns = _list_columns(kind, n_categories, n_rows, is_classification, dtype)
    # A step inside it would learn the names of an array's columns, x0 and so on, and miss them when it is asked for the
    # names of what it returns.
    return ColumnTransformer(columns).set_output(transform="default")


def _list_columns(
    kind: str, n_categories: np.ndarray, n_rows: int, is_classification: bool, dtype: Any
) -> list[tuple[str, Any, np.ndarray]]:
    """Return the parts of the preparation: their names, transformers and columns."""
    numbers = np.flatnonzero(n_categories == 0)
    few = np.flatnonzero((n_categories > 0) & (n_categories <= MAX_CATEGORIES))
    many = np.flatnonzero(n_categories > MAX_CATEGORIES)
    statistics = TargetStatistics(is_classification)
    if kind == "native":
        kept = np.flatnonzero((n_categories >= 0) & (n_categories <= MAX_CATEGORIES))
        return [("kept", "passthrough", kept), ("statistics", statistics, many)]
    settings: dict[str, Any] = {"min_frequency": min(5, max(1, n_rows // 50)), "sparse_output": False}
    if dtype == np.float32:
        settings["dtype"] = np.float32
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", **settings)
    filled = make_pipeline(FunctionTransformer(fill_missing_codes), one_hot)
    if kind == "coded":
        return [("numbers", "passthrough", numbers), ("one_hot", filled, few), ("statistics", statistics, many)]
    # ColumnTransformer passes a copy of the columns, which these change.
    scaled = make_pipeline(
        MedianImputer(),
        ChunkScaler(),
        FunctionTransformer(clip_outliers, feature_names_out="one-to-one"),
    )
    return [
        ("numbers", scaled, numbers),
        ("one_hot", filled, few),
        ("statistics", make_pipeline(statistics, scaled), many),
    ]


def prepare_rows(
    kind: str, steps: FittedSteps, X: Any, rows: np.ndarray, y: np.ndarray, *, is_classification: bool, folds: Any
) -> tuple[Any, Any]:
    """Fit a preparation on some rows of an encoded table.

    Parameters
    ----------
    kind : {"scaled", "coded", "native"}
    steps : FittedSteps
        The steps before the preparation, fitted on these rows.
    X : ndarray or CSR matrix of shape (n_samples, n_columns)
        The table; it is not changed.
    rows : ndarray of int
    y : ndarray of shape (n_rows,)
        The target of these rows.
    is_classification : bool
    folds : sequence or None
        How statistics of the target divide these rows; None means at random.

    Returns
    -------
    preparation : ColumnTransformer
    prepared : ndarray of shape (n_rows, n_prepared)
    """
    table = X if steps.X is None else steps.X
    preparation = make_preparation(kind, steps.n_categories, len(rows), is_classification, table.dtype)
    if steps.X is None:
        prepared = _prepare_numbers(preparation, kind, X, rows)
        if prepared is not None:
            return preparation, prepared
        table = take_rows(X, rows)
    return preparation, fit_with_inner_folds(preparation, table, y, folds)


def _prepare_numbers(preparation: Any, kind: str, X: np.ndarray, rows: np.ndarray) -> np.ndarray | None:
    """Fit a preparation on rows of numbers alone, and return the rows prepared, with few copies of them.

    Both are what ``preparation.fit_transform(X[rows])`` makes, to the last bit and in the same order in memory, which
    holds three copies at a time. None if the rows have gaps and are to be scaled: then columns are added.
    """
    table = take_in_columns(X, rows)
    if kind == "scaled" and any(np.isnan(column).any() for column in table.T):
        return None
    preparation.fit(X[rows[:1]])  # it learns how many columns there are; how they are scaled follows
    return np.asarray(preparation.named_transformers_["numbers"].fit_transform(table)) if kind == "scaled" else table


def take_in_columns(X: np.ndarray, rows: np.ndarray, dtype: Any = None) -> np.ndarray:
    """Copy some rows of a table, column after column in memory.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
    rows : ndarray of int
    dtype : type, default=None
        None is that of the table.

    Examples
    --------
    >>> take_in_columns(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([2, 0]))
    array([[5., 6.],
           [1., 2.]])
    """
    table = np.empty((len(rows), X.shape[1]), dtype=dtype or X.dtype, order="F")
    for start in range(0, len(rows), CHUNK_ROWS):
        chunk = slice(start, start + CHUNK_ROWS)
        table[chunk] = X[rows[chunk]]
    return table
