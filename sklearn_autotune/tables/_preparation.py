"""A raw table on its way to a model: read once, and prepared inside each fold as the model wants it."""

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

# Beyond so many values a column is not one-hot encoded, but by the mean of the target.
MOST_ONE_HOT = 20

# scikit-learn's histogram gradient boosting takes no more categories than this.
MOST_NATIVE = 255


class TableReader(TransformerMixin, BaseEstimator):
    """Turns a raw table into numbers: of categories their places, of dates days; nothing else is learnt.

    Columns of a DataFrame may come in another order when it is read again.

    Attributes
    ----------
    encoder_ : ColumnEncoder
    is_constant_ : ndarray of bool, of shape (n_features_in_,)
        Columns that held nothing, or one and the same value, in training; they are left out.
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
        """Learn the columns, and return the table as numbers.

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
            self.is_constant_[0] = False  # a table without columns would be no table
        return encoded[:, ~self.is_constant_]

    def transform(self, X: Any) -> np.ndarray:
        """Return a table with the same columns as numbers.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        X_out : ndarray of shape (n_samples, n_columns)
        """
        check_is_fitted(self)
        if is_dataframe(X):
            X = self._in_order(X)
            validate_data(self, X, reset=False, skip_check_array=True)
            encoded = self.encoder_.encode(X)
        else:
            encoded = self.encoder_.encode(X)
            validate_data(self, X, reset=False, skip_check_array=True)
        return encoded[:, ~self.is_constant_]

    @property
    def n_categories_(self) -> np.ndarray:
        """How many categories each column that is kept has; 0 for numbers."""
        categories = self.encoder_.categories
        counts = [len(categories[place]) if place in categories else 0 for place in range(self.n_features_in_)]
        return np.array(counts)[~self.is_constant_]

    def _in_order(self, X: Any) -> Any:
        names = list(getattr(self, "feature_names_in_", ()))
        is_shuffled = names and list(X.columns) != names and sorted(map(str, X.columns)) == sorted(map(str, names))
        return X[names] if is_shuffled else X

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags


def make_preparation(kind: str, n_categories: np.ndarray, n_rows: int, is_classification: bool) -> Any:
    """Return the transformer that makes of a table that has been read what a kind of model wants.

    Parameters
    ----------
    kind : {"scaled", "coded", "native"}
        As of `Family`.
    n_categories : ndarray of int, of shape (n_columns,)
    n_rows : int
        Rows that it will be fitted on.
    is_classification : bool

    Returns
    -------
    preparation : ColumnTransformer
        Not fitted; to be fitted inside each fold.
    """
    numbers = np.flatnonzero(n_categories == 0)
    few = np.flatnonzero((n_categories > 0) & (n_categories <= MOST_ONE_HOT))
    many = np.flatnonzero(n_categories > MOST_ONE_HOT)
    target_mean = _target_means(is_classification)
    if kind == "native":
        many = np.flatnonzero(n_categories > MOST_NATIVE)
        kept = np.flatnonzero(n_categories <= MOST_NATIVE)
        return ColumnTransformer([("kept", "passthrough", kept), ("means", target_mean, many)])
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=min(5, max(1, n_rows // 50)), sparse_output=False
    )
    filled = make_pipeline(FunctionTransformer(_filled), one_hot)
    if kind == "coded":
        return ColumnTransformer(
            [("numbers", "passthrough", numbers), ("one_hot", filled, few), ("means", target_mean, many)]
        )
    scaled = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        FunctionTransformer(_clipped, feature_names_out="one-to-one"),
    )
    return ColumnTransformer(
        [("numbers", scaled, numbers), ("one_hot", filled, few), ("means", make_pipeline(target_mean, scaled), many)]
    )


def _target_means(is_classification: bool) -> TargetEncoder:
    """Return what encodes categories by the mean of the target.

    Its own folds are what makes the encoding of a training row independent of that row's target.
    """
    kind = "auto" if is_classification else "continuous"
    if TargetEncoder().random_state != "deprecated":  # before scikit-learn 1.9
        return TargetEncoder(target_type=kind, random_state=0)
    folds = StratifiedKFold if is_classification else KFold
    return TargetEncoder(target_type=kind, cv=folds(5, shuffle=True, random_state=0))


def _is_constant(column: np.ndarray) -> bool:
    known = column[~np.isnan(column)]
    return not len(known) or (len(known) == len(column) and bool((known == known[0]).all()))


def _filled(places: np.ndarray) -> np.ndarray:
    """Make a category of what is missing."""
    return np.where(np.isnan(places), -1.0, places)


def _clipped(values: np.ndarray) -> np.ndarray:
    """Keep a few extreme rows from deciding everything: at most so many standard deviations."""
    return np.clip(values, -5.0, 5.0)
