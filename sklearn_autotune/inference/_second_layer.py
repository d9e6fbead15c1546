"""The ensembles of a selector, as scikit-learn's voting and stacking, and the second layer as its final estimator."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor

from sklearn_autotune.inference._averaging import share_preparation
from sklearn_autotune.inference._temperature_scaling import make_stacking_features

__all__ = [
    "BlendStackingClassifier",
    "BlendStackingRegressor",
    "BlendVotingClassifier",
    "BlendVotingRegressor",
    "SecondLayerClassifier",
    "SecondLayerRegressor",
]


class _TwoLayerAverage(BaseEstimator):
    """The weighted mean of the predictions of both layers, as the final estimator of scikit-learn's stacking.

    Parameters
    ----------
    base_weights : sequence of float
        The weight of each model of the first layer; most are 0.
    stacked : sequence of (float, bool, estimator)
        For each model of the second layer: its weight, whether it uses the table too, and the fitted model.
    n_base_models : int
        The second layer uses the predictions of the first ``n_base_models`` models of the first layer.
    """

    def __init__(
        self, base_weights: Sequence[float], stacked: Sequence[tuple[float, bool, Any]], n_base_models: int
    ) -> None:
        self.base_weights = base_weights
        self.stacked = stacked
        self.n_base_models = n_base_models

    def fit(self, X: Any, y: Any = None) -> "_TwoLayerAverage":
        """Do nothing, because the models are already fitted."""
        return self

    def _average(self, blocks: Sequence[np.ndarray], table: np.ndarray, predict: Any) -> np.ndarray:
        """Average the predictions of the first layer, one block for each model, and those of the second layer."""
        total = sum(weight * block for weight, block in zip(self.base_weights, blocks, strict=True) if weight)
        columns = make_stacking_features(blocks[: self.n_base_models])
        for weight, passthrough, model in self.stacked:
            total = total + weight * predict(model, np.hstack([columns, table]) if passthrough else columns)
        return np.asarray(total)

    def __sklearn_is_fitted__(self) -> bool:
        return True


class SecondLayerClassifier(ClassifierMixin, _TwoLayerAverage):
    """The final estimator for classification.

    Parameters
    ----------
    base_weights, stacked, n_base_models
        See `_TwoLayerAverage`.
    classes : ndarray of int
        Codes of the classes.
    """

    def __init__(
        self,
        base_weights: Sequence[float],
        stacked: Sequence[tuple[float, bool, Any]],
        n_base_models: int,
        classes: np.ndarray,
    ) -> None:
        super().__init__(base_weights, stacked, n_base_models)
        self.classes = classes

    @property
    def classes_(self) -> np.ndarray:
        """Codes of the classes."""
        return self.classes

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities, of shape (n_rows, n_classes).

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_predicted + n_columns)
            The first layer's probabilities (for two classes, those of the second one) and the table.
        """
        n_classes, n_first_layer = len(self.classes), len(self.base_weights)
        width = 1 if n_classes == 2 else n_classes
        blocks = [X[:, index * width : (index + 1) * width] for index in range(n_first_layer)]
        if n_classes == 2:
            blocks = [np.hstack([1 - block, block]) for block in blocks]
        return self._average(blocks, X[:, n_first_layer * width :], lambda model, columns: model.predict_proba(columns))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the code of the most probable class."""
        return self.classes[self.predict_proba(X).argmax(axis=1)]


class SecondLayerRegressor(RegressorMixin, _TwoLayerAverage):
    """The final estimator for regression."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return values, of shape (n_rows,).

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_predicted + n_columns)
            The first layer's values, and the table.
        """
        n_first_layer = len(self.base_weights)
        blocks = [X[:, index] for index in range(n_first_layer)]
        return self._average(blocks, X[:, n_first_layer:], lambda model, columns: model.predict(columns))


# -- ensembles whose models prepare a table once -----------------------------------------------------------------------


def _share_of(ensemble: Any) -> AbstractContextManager[None]:
    """Return the context in which the models of the first layer share the table that they prepare."""
    return share_preparation([pipeline for frozen in ensemble.estimators_ for pipeline in frozen.estimator.models])


class BlendVotingClassifier(VotingClassifier):
    """`VotingClassifier` of frozen `AveragedClassifier`, of which those with equal steps prepare a table once."""

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the weighted mean of the probabilities, of shape (n_rows, n_classes)."""
        with _share_of(self):
            return super().predict_proba(X)


class BlendVotingRegressor(VotingRegressor):
    """`VotingRegressor` of frozen `AveragedRegressor`, of which those with equal steps prepare a table once."""

    def predict(self, X: Any) -> np.ndarray:
        """Return the weighted mean of the values, of shape (n_rows,)."""
        with _share_of(self):
            return super().predict(X)


class BlendStackingClassifier(StackingClassifier):
    """`StackingClassifier` of frozen `AveragedClassifier`, of which those with equal steps prepare a table once."""

    def predict(self, X: Any, **predict_params: Any) -> np.ndarray:
        """Return the most probable class of each row."""
        with _share_of(self):
            return super().predict(X, **predict_params)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the second layer, of shape (n_rows, n_classes)."""
        with _share_of(self):
            return super().predict_proba(X)


class BlendStackingRegressor(StackingRegressor):
    """`StackingRegressor` of frozen `AveragedRegressor`, of which those with equal steps prepare a table once."""

    def predict(self, X: Any, **predict_params: Any) -> np.ndarray:
        """Return the values of the second layer, of shape (n_rows,)."""
        with _share_of(self):
            return super().predict(X, **predict_params)
