"""The mean of fitted models, which is how `AutoModelSelector` predicts with a candidate."""

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from sklearn_autotune._compat.sklearn import limit_to_one_thread
from sklearn_autotune.inference._temperature_scaling import apply_temperature

__all__ = ["AveragedClassifier", "AveragedRegressor", "predict_all_classes"]

# Up to this number of rows, one thread predicts. For more rows, using all threads is faster.
MAX_SINGLE_THREAD_ROWS = 100_000


def predict_all_classes(model: Any, X: Any, classes: np.ndarray | None) -> np.ndarray:
    """Return predicted values, or probabilities with a column for each class, also for classes the model never saw."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # unknown categories are expected
        if classes is None:
            return np.asarray(model.predict(X), dtype=float).reshape(len(X))
        probabilities = np.asarray(model.predict_proba(X), dtype=float)
    known = np.asarray(model[-1].classes_, dtype=int)
    if len(known) == len(classes):
        return probabilities
    completed = np.zeros((len(probabilities), len(classes)))
    completed[:, known] = probabilities
    return completed


class _AveragedModels(BaseEstimator):
    """The mean of models that are already fitted."""

    def __init__(self, models: Sequence[Any]) -> None:
        self.models = models

    def fit(self, X: Any, y: Any = None) -> "_AveragedModels":
        """Do nothing, because the models are already fitted."""
        return self

    def _average(self, X: Any, classes: np.ndarray | None) -> np.ndarray:
        with limit_to_one_thread() if len(X) <= MAX_SINGLE_THREAD_ROWS else nullcontext():
            return np.mean([predict_all_classes(model, X, classes) for model in self.models], axis=0)

    def __sklearn_is_fitted__(self) -> bool:
        return True


class AveragedClassifier(ClassifierMixin, _AveragedModels):
    """The mean of the probabilities of fitted classifiers, scaled by a temperature.

    Parameters
    ----------
    models : sequence of Pipeline
    temperature : float
    classes : ndarray of int
        Codes of the classes.
    """

    def __init__(self, models: Sequence[Any], temperature: float, classes: np.ndarray) -> None:
        super().__init__(models)
        self.temperature = temperature
        self.classes = classes

    @property
    def classes_(self) -> np.ndarray:
        """Codes of the classes."""
        return self.classes

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the scaled mean of the models' probabilities, of shape (n_rows, n_classes)."""
        return apply_temperature(self._average(X, self.classes), self.temperature)

    def predict(self, X: Any) -> np.ndarray:
        """Return the code of the most probable class."""
        return self.classes[self.predict_proba(X).argmax(axis=1)]


class AveragedRegressor(RegressorMixin, _AveragedModels):
    """The mean of fitted regressors."""

    def predict(self, X: Any) -> np.ndarray:
        """Return the mean of the models' predictions."""
        return self._average(X, None)
