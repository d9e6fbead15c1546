"""Prepares the columns of an encoded table for a model, inside each fold."""

from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler, TargetEncoder

from sklearn_autotune.inference._column_encoder import clip_outliers, fill_missing_codes

__all__ = ["make_preparation"]

# A column with more categories is encoded by the mean of the target instead of one-hot.
MAX_ONE_HOT_CATEGORIES = 20

# scikit-learn's histogram gradient boosting accepts at most this number of categories.
MAX_NATIVE_CATEGORIES = 255


def make_preparation(kind: str, n_categories: np.ndarray, n_rows: int, is_classification: bool) -> Any:
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

    Returns
    -------
    preparation : ColumnTransformer
        Unfitted; it is fitted inside each fold.
    """
    numbers = np.flatnonzero(n_categories == 0)
    few = np.flatnonzero((n_categories > 0) & (n_categories <= MAX_ONE_HOT_CATEGORIES))
    many = np.flatnonzero(n_categories > MAX_ONE_HOT_CATEGORIES)
    target_mean = _make_target_encoder(is_classification)
    if kind == "native":
        many = np.flatnonzero(n_categories > MAX_NATIVE_CATEGORIES)
        kept = np.flatnonzero((n_categories >= 0) & (n_categories <= MAX_NATIVE_CATEGORIES))
        return ColumnTransformer([("kept", "passthrough", kept), ("means", target_mean, many)])
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=min(5, max(1, n_rows // 50)), sparse_output=False
    )
    filled = make_pipeline(FunctionTransformer(fill_missing_codes), one_hot)
    if kind == "coded":
        return ColumnTransformer(
            [("numbers", "passthrough", numbers), ("one_hot", filled, few), ("means", target_mean, many)]
        )
    scaled = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        FunctionTransformer(clip_outliers, feature_names_out="one-to-one"),
    )
    return ColumnTransformer(
        [("numbers", scaled, numbers), ("one_hot", filled, few), ("means", make_pipeline(target_mean, scaled), many)]
    )


def _make_target_encoder(is_classification: bool) -> TargetEncoder:
    """Make an encoder that replaces a category by the mean of the target.

    It uses its own folds inside the training rows, so that the encoding of a row does not depend on the row's target.
    """
    kind = "auto" if is_classification else "continuous"
    if TargetEncoder().random_state != "deprecated":  # before scikit-learn 1.9
        return TargetEncoder(target_type=kind, random_state=0)
    folds = StratifiedKFold if is_classification else KFold
    return TargetEncoder(target_type=kind, cv=folds(5, shuffle=True, random_state=0))
