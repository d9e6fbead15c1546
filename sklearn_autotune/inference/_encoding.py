"""Small estimators that encode a table or labels; exported scripts contain a copy of their source."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.class_weight import compute_sample_weight

from sklearn_autotune.inference._column_values import get_column_names, is_dataframe, take_columns
from sklearn_autotune.inference._table_reader import TableReader

__all__ = ["EncodingTransformer", "LabelEncodingClassifier", "compute_class_weights", "label_classes", "scale_weights"]


class EncodingTransformer(TableReader):
    """A `TableReader` that keeps constant columns, accepts sparse matrices, and ignores additional named columns.

    It reads free text as categories.
    """

    drops_constant = False
    takes_sparse = True
    reads_text = False

    def transform(self, X: Any) -> Any:
        """Encode a table that has the columns of training; a DataFrame may have more.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        X_out : ndarray or CSR matrix of shape (n_samples, n_columns)
        """
        names = list(getattr(self, "feature_names_in_", ()))
        if names and is_dataframe(X) and set(names) < set(get_column_names(X)):
            X = take_columns(X, names)
        return super().transform(X)


def scale_weights(weight: np.ndarray) -> np.ndarray:
    """Divide weights by their mean over the rows that have a weight, so that only their ratios matter."""
    return weight / weight[weight > 0].mean() if (weight > 0).any() else weight


def compute_class_weights(class_weight: Any, y: Any) -> np.ndarray:
    """Return a weight for each row by its class. Weights from a dict are scaled to mean 1, as "balanced" ones are."""
    weights = compute_sample_weight(class_weight, y)
    return weights if isinstance(class_weight, str) else scale_weights(weights)


class LabelEncodingClassifier(ClassifierMixin, BaseEstimator):
    """Lets a classifier that needs the labels 0, 1, 2 and so on be used with any labels."""

    def __init__(self, model: Any, class_weight: Any = None) -> None:
        self.model = model
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LabelEncodingClassifier":
        """Encode the classes as 0, 1, 2 and so on, and fit the model."""
        self.classes_, class_codes = np.unique(y, return_inverse=True)
        if self.class_weight is not None:
            weights = compute_class_weights(self.class_weight, y)
            sample_weight = weights if sample_weight is None else weights * sample_weight
        self.model_ = clone(self.model).fit(X, class_codes, sample_weight=sample_weight)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the labels of the most probable classes."""
        return self.classes_[self.model_.predict(X)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities, with columns in the order of ``classes_``."""
        return self.model_.predict_proba(X)


def label_classes(model: Any, classes: np.ndarray) -> LabelEncodingClassifier:
    """Return a fitted classifier with the labels of the classes that the model knows by their index."""
    labelled = LabelEncodingClassifier(clone(model))
    labelled.model_, labelled.classes_ = model, classes
    return labelled
