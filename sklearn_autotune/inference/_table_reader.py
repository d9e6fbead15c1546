"""Converts a raw table to numbers, in the same way for all models of a search."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_autotune.inference._column_encoder import ColumnEncoder
from sklearn_autotune.inference._column_values import get_column_names, is_dataframe, take_columns

__all__ = ["TableReader", "reorder_columns"]


class TableReader(TransformerMixin, BaseEstimator):
    """Encodes a raw table as numbers with a `ColumnEncoder` that reads free text, and drops constant columns.

    In ``transform``, the columns of a DataFrame may have another order.

    Parameters
    ----------
    missing : float, default=nan
        As in `ColumnEncoder`.

    Attributes
    ----------
    encoder_ : ColumnEncoder
    is_constant_ : ndarray of bool, of shape (n_encoded,)
        True for encoded columns that were empty or had a single value in training; they are dropped.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
    """

    drops_constant: ClassVar[bool] = True
    takes_sparse: ClassVar[bool] = False
    reads_text: ClassVar[bool] = True

    def __init__(self, missing: float = np.nan) -> None:
        self.missing = missing

    def fit(self, X: Any, y: Any = None) -> "TableReader":
        """Learn which columns hold numbers and which hold categories.

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

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Learn what the columns hold, and return the encoded table.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
        y : None

        Returns
        -------
        X_out : ndarray of shape (n_samples, n_columns)
        """
        self._check_sparse(X)
        self.encoder_ = ColumnEncoder(self.missing, self.reads_text)
        encoded = self.encoder_.fit_transform(X)
        validate_data(self, X, skip_check_array=True)
        self.is_constant_ = np.zeros(encoded.shape[1], dtype=bool)
        if self.drops_constant:
            self.is_constant_ = np.array([_is_constant(column) for column in encoded.T])
            if self.is_constant_.all():
                self.is_constant_[0] = False  # keep one column
        return self._drop_constant(encoded)

    def transform(self, X: Any) -> Any:
        """Encode a table with the same columns.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        X_out : ndarray of shape (n_samples, n_columns)
        """
        check_is_fitted(self)
        self._check_sparse(X)
        if is_dataframe(X):
            X = reorder_columns(X, self.encoder_.names)
            validate_data(self, X, reset=False, skip_check_array=True)
            encoded = self.encoder_.transform(X)
        else:
            encoded = self.encoder_.transform(X)
            validate_data(self, X, reset=False, skip_check_array=True)
        return self._drop_constant(encoded)

    @property
    def n_categories_(self) -> np.ndarray:
        """The number of categories of each column that is not dropped, as in `ColumnEncoder`."""
        return self.encoder_.n_categories[~self.is_constant_]

    @property
    def text_columns_(self) -> list[Any]:
        """The names of the columns that hold free text."""
        return [self.encoder_.names[index] for index in self.encoder_.texts]

    def _check_sparse(self, X: Any) -> None:
        if issparse(X) and not self.takes_sparse:
            raise TypeError("Sparse data was passed, but dense data is required. Use X.toarray() to make it dense.")

    def _drop_constant(self, encoded: Any) -> Any:
        return encoded[:, ~self.is_constant_] if self.is_constant_.any() else encoded

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.sparse = self.takes_sparse
        return tags


def reorder_columns(X: Any, names: Sequence[str]) -> Any:
    """Return a DataFrame with its columns in the order of training, if it has the same columns in another order."""
    names = list(names)
    own = get_column_names(X)
    is_shuffled = names and own != names and sorted(map(str, own)) == sorted(map(str, names))
    return take_columns(X, names) if is_shuffled and len(set(names)) == len(names) else X


def _is_constant(column: np.ndarray) -> bool:
    first = column[:100]
    if (first < first[0]).any() or (first > first[0]).any():  # soon known of most columns
        return False
    known = column[~np.isnan(column)]
    return not len(known) or (len(known) == len(column) and bool((known == known[0]).all()))
