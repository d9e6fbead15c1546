"""Small estimators that encode a table or labels; exported scripts hold a copy of their source."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.utils.class_weight import compute_sample_weight

from sklearn_autotune.inference._column_encoder import ColumnEncoder

__all__ = ["EncodingTransformer", "LabelEncodingClassifier"]


class EncodingTransformer(TransformerMixin, BaseEstimator):
    """Encodes a table as numbers: categories become codes, dates become days; see `ColumnEncoder`."""

    def fit(self, X: Any, y: Any = None) -> "EncodingTransformer":
        """Learn which columns hold categories, and which categories they hold."""
        self.encoder_ = ColumnEncoder()
        self.encoder_.fit_transform(X)
        if hasattr(X, "columns") and all(isinstance(name, str) for name in X.columns):
            self.feature_names_in_ = np.array(X.columns, dtype=object)
        return self

    def transform(self, X: Any) -> Any:
        """Return the table as numbers."""
        if hasattr(X, "columns") and hasattr(self, "feature_names_in_"):
            X = X[self.feature_names_in_.tolist()]
        return self.encoder_.transform(X)


class LabelEncodingClassifier(ClassifierMixin, BaseEstimator):
    """A classifier of any labels, around one that wants them to be 0, 1, 2 and so on."""

    def __init__(self, model: Any, class_weight: Any = None) -> None:
        self.model = model
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LabelEncodingClassifier":
        """Encode the classes as 0, 1, 2 and so on, and fit the model."""
        self.classes_, class_codes = np.unique(y, return_inverse=True)
        if self.class_weight is not None:
            weights = compute_sample_weight(self.class_weight, y)
            sample_weight = weights if sample_weight is None else weights * sample_weight
        self.model_ = clone(self.model).fit(X, class_codes, sample_weight=sample_weight)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the labels of the most probable classes."""
        return self.classes_[self.model_.predict(X)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities, with columns in the order of ``classes_``."""
        return self.model_.predict_proba(X)
