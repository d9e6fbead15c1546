"""BaseTunedClassifier and BaseTunedRegressor: how tuned boosters read the target, score and predict."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin, clone

from sklearn_autotune.boosting._binned_folds import Target
from sklearn_autotune.boosting._tuned_booster import BaseTunedBooster
from sklearn_autotune.evaluation import compute_log_loss, compute_root_mean_squared_error, make_class_probabilities
from sklearn_autotune.evaluation._defaults import make_default_scorer
from sklearn_autotune.inference._encoding import LabelEncodingClassifier

__all__ = ["BaseTunedClassifier", "BaseTunedRegressor"]


class BaseTunedClassifier(ClassifierMixin, BaseTunedBooster):
    """A tuned booster for classification. The library's estimator is fitted with class indices."""

    class_weight: Any
    classes_: np.ndarray

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
        """
        encoded = self._encode_rows(X)
        return self.classes_[self.best_estimator_.predict(encoded)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        y_proba : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        encoded = self._encode_rows(X)
        return self.best_estimator_.predict_proba(encoded)

    def _read_target(self, y: np.ndarray) -> Target:
        """Encode the classes as 0, 1, 2 and so on."""
        self.classes_, values = np.unique(y, return_inverse=True)
        return Target(values, self.classes_, self.class_weight)

    def _make_default_scorer(self, target: Target) -> Any:
        return make_default_scorer(target.classes)

    def _get_loss(self) -> Callable[[np.ndarray, np.ndarray, np.ndarray | None], float]:
        return compute_log_loss

    def _reshape_prediction(self, prediction: np.ndarray) -> np.ndarray:
        return make_class_probabilities(prediction)

    def _wrap_model_with_labels(self, model: Any) -> Any:
        numbered = LabelEncodingClassifier(clone(model), self.class_weight)
        numbered.model_, numbered.classes_ = model, self.classes_
        return numbered


class BaseTunedRegressor(RegressorMixin, BaseTunedBooster):
    """A tuned booster for regression."""

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted values.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
        """
        encoded = self._encode_rows(X)
        return self.best_estimator_.predict(encoded)

    def _read_target(self, y: np.ndarray) -> Target:
        return Target(y)

    def _make_default_scorer(self, target: Target) -> Any:
        return make_default_scorer(target.classes)

    def _get_loss(self) -> Callable[[np.ndarray, np.ndarray, np.ndarray | None], float]:
        return compute_root_mean_squared_error

    def _reshape_prediction(self, prediction: np.ndarray) -> np.ndarray:
        return prediction

    def _wrap_model_with_labels(self, model: Any) -> Any:
        return model
