"""What grown boosters predict, in the shapes in which scikit-learn's scorers ask for it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

__all__ = [
    "FixedPredictionsClassifier",
    "FixedPredictionsRegressor",
    "compute_log_loss",
    "compute_root_mean_squared_error",
    "make_class_probabilities",
    "predict_rows",
]


def make_class_probabilities(prediction: np.ndarray, n_classes: int) -> np.ndarray:
    """Return what ``XGBClassifier.predict_proba`` makes of a booster's prediction, of shape (n_rows, n_classes)."""
    return prediction if prediction.ndim == 2 and n_classes > 2 else np.column_stack([1.0 - prediction, prediction])


def compute_log_loss(places: np.ndarray, prediction: np.ndarray, weight: np.ndarray | None) -> float:
    """Return the log loss of what a booster predicts, as scikit-learn's ``log_loss`` does."""
    shape = make_class_probabilities(prediction, 2 if prediction.ndim == 1 else prediction.shape[1])
    eps = np.finfo(shape.dtype).eps
    own = np.clip(shape[np.arange(len(places)), places], eps, 1 - eps)
    return float(np.average(-np.log(own, dtype=np.float64), weights=weight))


def compute_root_mean_squared_error(values: np.ndarray, prediction: np.ndarray, weight: np.ndarray | None) -> float:
    """Return the root of the mean squared error, as scikit-learn's ``root_mean_squared_error`` does."""
    return float(np.sqrt(np.average((values - prediction) ** 2, weights=weight)))


def predict_rows(booster: Any, model: Any, X: Any) -> np.ndarray:
    """Predict rows that are not the fold's own, for scorers that ask for them."""
    import xgboost

    rows = xgboost.DMatrix(
        X,
        missing=model.missing,
        nthread=1,
        feature_types=model.feature_types,
        enable_categorical=model.enable_categorical,
    )
    return booster.predict(rows)


class _Grown(BaseEstimator):
    """A grown booster as scikit-learn's scorers know estimators; what it predicts on one set of rows is known."""

    def __init__(self, rows: Any, prediction: np.ndarray, predict_rows: Callable[[Any], np.ndarray]) -> None:
        self.rows = rows
        self.prediction = prediction
        self.predict_rows = predict_rows

    def _predicted(self, X: Any) -> np.ndarray:
        return self.prediction if X is self.rows else self.predict_rows(X)

    def __sklearn_is_fitted__(self) -> bool:
        return True


class FixedPredictionsRegressor(RegressorMixin, _Grown):
    """A regressor."""

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted values."""
        return self._predicted(X)


class FixedPredictionsClassifier(ClassifierMixin, _Grown):
    """A classifier."""

    def __init__(
        self, rows: Any, prediction: np.ndarray, predict_rows: Callable[[Any], np.ndarray], classes: np.ndarray
    ) -> None:
        super().__init__(rows, prediction, predict_rows)
        self.classes = classes
        self.classes_ = classes

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted classes."""
        predicted = self._predicted(X)
        places = predicted.argmax(axis=1) if predicted.ndim == 2 else (predicted > 0.5).astype(int)
        return self.classes[places]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the predicted probabilities of the classes."""
        return make_class_probabilities(self._predicted(X), len(self.classes))
