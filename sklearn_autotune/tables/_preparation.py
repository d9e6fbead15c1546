"""Prepares the columns of an encoded table for a model, inside each fold."""

from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from sklearn_autotune.inference._column_encoder import ChunkScaler, MedianImputer, clip_outliers, fill_missing_codes
from sklearn_autotune.inference._target_statistics import TargetStatistics

__all__ = ["make_preparation"]

# Of a column with more categories, models get statistics of the target. Models that split categories themselves need
# these too: on five of six tables with columns of 35 to 104 categories, XGBoost's log loss fell by 3 to 8 %.
MAX_CATEGORIES = 20


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
