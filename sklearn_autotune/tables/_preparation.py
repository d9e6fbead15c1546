"""Reads a raw table once, and prepares its columns for a model inside each fold."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler, TargetEncoder
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_autotune.tables._encoder import ColumnEncoder, is_dataframe

__all__ = ["TableReader", "make_preparation"]

# Columns with more categories are encoded by the mean of the target instead of one-hot.
MAX_ONE_HOT_CATEGORIES = 20

# scikit-learn's histogram gradient boosting takes at most this number of categories.
MAX_NATIVE_CATEGORIES = 255


class TableReader(TransformerMixin, BaseEstimator):
    """Encodes a raw table as numbers with a `ColumnEncoder`, and drops constant columns.

    In ``transform``, the columns of a DataFrame may come in another order.

    Attributes
    ----------
    encoder_ : ColumnEncoder
    is_constant_ : ndarray of bool, of shape (n_features_in_,)
        Columns that were empty or had a single value in training; they are dropped.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
    """

    def fit(self, X: Any, y: Any = None) -> "TableReader":
        """Learn which columns hold numbers and which categories.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
        y : None

        Returns
        -------
        self : object
        """
        self.fit_transform(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Learn the columns and return the encoded table.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
        y : None

        Returns
        -------
        X_out : ndarray of shape (n_samples, n_columns)
        """
        self.encoder_ = ColumnEncoder()
        encoded = self.encoder_.fit_transform(X)
        validate_data(self, X, skip_check_array=True)
        if not isinstance(encoded, np.ndarray):
            raise TypeError("Sparse data was passed, but dense data is required. Use X.toarray() to make it dense.")
        self.is_constant_ = np.array([_is_constant(column) for column in encoded.T])
        if self.is_constant_.all():
            self.is_constant_[0] = False  # keep one column
        return encoded[:, ~self.is_constant_]

    def transform(self, X: Any) -> np.ndarray:
        """Encode a table with the same columns.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        X_out : ndarray of shape (n_samples, n_columns)
        """
        check_is_fitted(self)
        if is_dataframe(X):
            X = self._reorder_columns(X)
            validate_data(self, X, reset=False, skip_check_array=True)
            encoded = self.encoder_.transform(X)
        else:
            encoded = self.encoder_.transform(X)
            validate_data(self, X, reset=False, skip_check_array=True)
        return encoded[:, ~self.is_constant_]

    @property
    def n_categories_(self) -> np.ndarray:
        """Number of categories of each column that is not dropped; 0 for numbers."""
        categories = self.encoder_.categories
        counts = [len(categories[index]) if index in categories else 0 for index in range(self.n_features_in_)]
        return np.array(counts)[~self.is_constant_]

    def _reorder_columns(self, X: Any) -> Any:
        names = list(getattr(self, "feature_names_in_", ()))
        is_shuffled = names and list(X.columns) != names and sorted(map(str, X.columns)) == sorted(map(str, names))
        return X[names] if is_shuffled else X

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags


def make_preparation(kind: str, n_categories: np.ndarray, n_rows: int, is_classification: bool) -> Any:
    """Make the transformer that prepares an encoded table for a kind of model.

    Parameters
    ----------
    kind : {"scaled", "coded", "native"}
        See `Family`.
    n_categories : ndarray of int, of shape (n_columns,)
    n_rows : int
        Number of rows that it will be fitted on.
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
        kept = np.flatnonzero(n_categories <= MAX_NATIVE_CATEGORIES)
        return ColumnTransformer([("kept", "passthrough", kept), ("means", target_mean, many)])
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=min(5, max(1, n_rows // 50)), sparse_output=False
    )
    filled = make_pipeline(FunctionTransformer(_fill_missing_codes), one_hot)
    if kind == "coded":
        return ColumnTransformer(
            [("numbers", "passthrough", numbers), ("one_hot", filled, few), ("means", target_mean, many)]
        )
    scaled = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        FunctionTransformer(_clip_outliers, feature_names_out="one-to-one"),
    )
    return ColumnTransformer(
        [("numbers", scaled, numbers), ("one_hot", filled, few), ("means", make_pipeline(target_mean, scaled), many)]
    )


def _make_target_encoder(is_classification: bool) -> TargetEncoder:
    """Make the encoder of categories by the mean of the target.

    It uses folds of its own, so that the encoding of a training row does not depend on that row's target.
    """
    kind = "auto" if is_classification else "continuous"
    if TargetEncoder().random_state != "deprecated":  # before scikit-learn 1.9
        return TargetEncoder(target_type=kind, random_state=0)
    folds = StratifiedKFold if is_classification else KFold
    return TargetEncoder(target_type=kind, cv=folds(5, shuffle=True, random_state=0))


def _is_constant(column: np.ndarray) -> bool:
    known = column[~np.isnan(column)]
    return not len(known) or (len(known) == len(column) and bool((known == known[0]).all()))


def _fill_missing_codes(codes: np.ndarray) -> np.ndarray:
    """Replace missing codes by a category of their own."""
    return np.where(np.isnan(codes), -1.0, codes)


def _clip_outliers(values: np.ndarray) -> np.ndarray:
    """Clip scaled values at five standard deviations, so that a few extreme rows do not dominate the fit."""
    return np.clip(values, -5.0, 5.0)
