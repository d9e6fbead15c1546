"""Classes that are copied into the script of an ensemble: models of the first and second layer, their weighted mean."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.model_selection import train_test_split

from sklearn_autotune.inference._encoding import scale_weights
from sklearn_autotune.inference._table_reader import TableReader
from sklearn_autotune.inference._temperature_scaling import apply_temperature, make_stacking_features

__all__ = ["BlendedClassifier", "BlendedRegressor", "CrossFitModel", "SecondLayerModel"]


class CrossFitModel(BaseEstimator):
    """A model that is fitted on all rows, or once for each fold, with predictions averaged over the folds.

    ``settings`` holds, for each fold, the parameters that differ from fold to fold, such as the number of rounds.
    ``weight_name`` is the parameter of ``fit`` that takes the rows' weights, if the model takes some.
    """

    def __init__(
        self,
        model: Any,
        weight: float = 1.0,
        temperature: float = 1.0,
        settings: Sequence[Mapping[str, Any]] | None = None,
        fit_params: Mapping[str, Any] | None = None,
        weight_name: str | None = None,
    ) -> None:
        self.model = model
        self.weight = weight
        self.temperature = temperature
        self.settings = settings
        self.fit_params = fit_params
        self.weight_name = weight_name

    def fit(self, X: Any, y: Any, folds: Sequence[Any] = (), sample_weight: Any = None) -> "CrossFitModel":
        """Fit on the training rows of each fold, or on all rows."""
        if self.settings is None:
            self.models_ = self._fit_clones(X, y, [slice(None)], [{}], sample_weight)
        else:
            self.models_ = self._fit_clones(X, y, [train for train, _ in folds], self.settings, sample_weight)
        return self

    def _fit_clones(
        self, X: Any, y: Any, rows: Sequence[Any], settings: Sequence[Mapping[str, Any]], sample_weight: Any
    ) -> list[Any]:
        models = []
        for train, changes in zip(rows, settings, strict=True):
            weights = select_weights(self.weight_name, sample_weight, train)
            model = clone(self.model).set_params(**changes)
            models.append(model.fit(X[train], y[train], **(self.fit_params or {}), **weights))
        return models

    def predict(self, X: Any, n_classes: int = 0) -> np.ndarray:
        """Return the mean value, or the mean probabilities after temperature scaling if there are classes."""
        return self._average_predictions(self.models_, X, n_classes)

    def predict_out_of_fold(
        self, X: Any, y: Any, folds: Sequence[Any], n_classes: int = 0, sample_weight: Any = None
    ) -> np.ndarray:
        """Return for each row the prediction of the fold in whose test rows it is."""
        models = self.models_
        if self.settings is None:
            models = self._fit_clones(X, y, [train for train, _ in folds], [{}] * len(folds), sample_weight)
        predictions = np.zeros((len(X), n_classes) if n_classes else len(X))
        for model, (_, test) in zip(models, folds, strict=True):
            predictions[test] = self._average_predictions([model], X[test], n_classes)
        return predictions

    def _average_predictions(self, models: Sequence[Any], X: Any, n_classes: int) -> np.ndarray:
        if not n_classes:
            return np.mean([np.asarray(model.predict(X), dtype=float) for model in models], axis=0)
        total = np.zeros((len(X), n_classes))
        for model in models:  # a class that a model has not seen has the probability 0
            total[:, np.asarray(model[-1].classes_, dtype=int)] += model.predict_proba(X)
        return apply_temperature(total / len(models), self.temperature)


class SecondLayerModel(BaseEstimator):
    """A model that is fitted on out-of-fold predictions of the first layer and, with ``passthrough``, the table."""

    def __init__(
        self,
        model: Any,
        weight: float = 1.0,
        temperature: float = 1.0,
        passthrough: bool = False,
        weight_name: str | None = None,
    ) -> None:
        self.model = model
        self.weight = weight
        self.temperature = temperature
        self.passthrough = passthrough
        self.weight_name = weight_name

    def fit(self, columns: np.ndarray, X: Any, y: Any, sample_weight: Any = None) -> "SecondLayerModel":
        """Fit on the predictions, and on the table with ``passthrough``."""
        weights = select_weights(self.weight_name, sample_weight, slice(None))
        self.model_ = clone(self.model).fit(self._make_inputs(columns, X), y, **weights)
        return self

    def predict(self, columns: np.ndarray, X: Any, n_classes: int = 0) -> np.ndarray:
        """Return values, or probabilities after temperature scaling if there are classes."""
        if not n_classes:
            return self.model_.predict(self._make_inputs(columns, X))
        return apply_temperature(self.model_.predict_proba(self._make_inputs(columns, X)), self.temperature)

    def _make_inputs(self, columns: np.ndarray, X: Any) -> np.ndarray:
        return np.hstack([columns, X]) if self.passthrough else columns


def select_weights(name: str | None, sample_weight: Any, rows: Any) -> dict[str, Any]:
    """Return the weights of some rows by the name of the parameter that takes them, if there are any."""
    return {} if name is None or sample_weight is None else {name: sample_weight[rows]}


class BaseBlended(BaseEstimator):
    """The weighted mean of first-layer and second-layer models on a raw table.

    The second layer is fitted on predictions of the first ``n_base_models`` models. Folds are drawn from all rows, or
    from a sample of ``n_rows`` rows if there are more.
    """

    def __init__(
        self,
        first_layer: Sequence[CrossFitModel],
        cv: Any = None,
        n_rows: int | None = None,
        seed: int = 0,
        second_layer: Sequence[SecondLayerModel] = (),
        n_base_models: int = 0,
    ) -> None:
        self.first_layer = first_layer
        self.cv = cv
        self.n_rows = n_rows
        self.seed = seed
        self.second_layer = second_layer
        self.n_base_models = n_base_models

    def fit_layers(
        self, X: Any, y: np.ndarray, target: np.ndarray, n_classes: int = 0, sample_weight: Any = None
    ) -> None:
        """Read the table, draw the folds, fit the first layer and then the second. Only ratios of weights matter."""
        weight = None if sample_weight is None else scale_weights(np.asarray(sample_weight, dtype=float))
        self.reader_ = TableReader()
        table = self.reader_.fit_transform(X)
        rows = self.sample_rows(y)
        splits = [] if self.cv is None else self.cv.split(table[rows], y[rows])
        folds = [(rows[train], rows[test]) for train, test in splits]
        self.first_layer_ = [clone(model).fit(table, target, folds, weight) for model in self.first_layer]
        base_predictions = [
            model.predict_out_of_fold(table, target, folds, n_classes, weight)
            for model in self.first_layer_[: self.n_base_models]
        ]
        self.second_layer_ = [
            clone(model).fit(make_stacking_features(base_predictions), table, target, weight)
            for model in self.second_layer
        ]
        self.weights_ = [model.weight for model in self.first_layer] + [model.weight for model in self.second_layer]

    def predict_weighted_mean(self, X: Any, n_classes: int = 0) -> np.ndarray:
        """Return the weighted mean of the predictions of both layers."""
        table = self.reader_.transform(X)
        predictions = [model.predict(table, n_classes) for model in self.first_layer_]
        if self.second_layer:
            columns = make_stacking_features(predictions[: self.n_base_models])
            predictions += [model.predict(columns, table, n_classes) for model in self.second_layer_]
        return np.average(predictions, axis=0, weights=self.weights_)

    def sample_rows(self, y: np.ndarray) -> np.ndarray:
        """Return the rows from which folds are drawn."""
        if self.n_rows is None or self.n_rows >= len(y):
            return np.arange(len(y))
        is_class = isinstance(self, ClassifierMixin) and np.unique(y, return_counts=True)[1].min() > 1
        rows, _ = train_test_split(
            np.arange(len(y)), train_size=self.n_rows, random_state=self.seed, stratify=y if is_class else None
        )
        return np.sort(rows)


class BlendedClassifier(ClassifierMixin, BaseBlended):
    """The weighted mean of the models' probabilities."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "BlendedClassifier":
        """Encode the classes and fit the models."""
        self.classes_, class_codes = np.unique(y, return_inverse=True)
        self.fit_layers(X, np.asarray(y), class_codes, len(self.classes_), sample_weight)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities, with columns in the order of ``classes_``."""
        return self.predict_weighted_mean(X, len(self.classes_))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class BlendedRegressor(RegressorMixin, BaseBlended):
    """The weighted mean of the models' predictions."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "BlendedRegressor":
        """Fit the models."""
        y = np.asarray(y, dtype=np.float64)
        self.fit_layers(X, y, y, sample_weight=sample_weight)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted values, of shape (n_rows,)."""
        return self.predict_weighted_mean(X)
