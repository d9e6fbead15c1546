"""Reads a raw table as numbers, as all models of a selection get it."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_autotune.inference._column_encoder import ColumnEncoder, is_dataframe

__all__ = ["TableReader"]


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


def _is_constant(column: np.ndarray) -> bool:
    known = column[~np.isnan(column)]
    return not len(known) or (len(known) == len(column) and bool((known == known[0]).all()))
