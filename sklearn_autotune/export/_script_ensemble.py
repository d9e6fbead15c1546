"""What scripts of a blend take along: members fitted on folds or on all rows, models of them, and the weighted mean."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.model_selection import train_test_split

from sklearn_autotune.selection._temperature_scaling import apply_temperature, make_stacking_features
from sklearn_autotune.tables._preparation import TableReader

__all__ = ["BlendedClassifier", "BlendedRegressor", "Member", "Stacked"]


class Member(BaseEstimator):
    """One kind of model, fitted on all rows, or once for each fold and averaged.

    ``settings`` has the parameters that differ from fold to fold, such as the number of rounds.
    """

    def __init__(
        self,
        model: Any,
        weight: float = 1.0,
        temperature: float = 1.0,
        settings: Sequence[Mapping[str, Any]] | None = None,
        fit_params: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.weight = weight
        self.temperature = temperature
        self.settings = settings
        self.fit_params = fit_params

    def fit(self, X: Any, y: Any, folds: Sequence[Any] = ()) -> "Member":
        """Fit on the training rows of each fold, or on all rows."""
        if self.settings is None:
            self.models_ = self._fitted(X, y, [slice(None)], [{}])
        else:
            self.models_ = self._fitted(X, y, [train for train, _ in folds], self.settings)
        return self

    def _fitted(self, X: Any, y: Any, rows: Sequence[Any], settings: Sequence[Mapping[str, Any]]) -> list[Any]:
        return [
            clone(self.model).set_params(**own).fit(X[train], y[train], **(self.fit_params or {}))
            for train, own in zip(rows, settings, strict=True)
        ]

    def predict(self, X: Any, n_classes: int = 0) -> np.ndarray:
        """Return the mean of the models' values or, of so many classes, of their probabilities, scaled."""
        return self._predicted(self.models_, X, n_classes, np.float64)

    def predict_unseen(self, X: Any, y: Any, folds: Sequence[Any], n_classes: int = 0) -> np.ndarray:
        """Return what each row is predicted by the model of the fold that it is tested in."""
        models = self.models_
        if self.settings is None:
            models = self._fitted(X, y, [train for train, _ in folds], [{}] * len(folds))
        found = np.zeros((len(X), n_classes) if n_classes else len(X))
        for model, (_, test) in zip(models, folds, strict=True):
            found[test] = self._predicted([model], X[test], n_classes, np.float32)
        return found

    def _predicted(self, models: Sequence[Any], X: Any, n_classes: int, kind: Any) -> np.ndarray:
        if not n_classes:
            return np.mean([np.asarray(model.predict(X), dtype=kind) for model in models], axis=0)
        total = np.zeros((len(X), n_classes))
        for model in models:  # of a class that a model has not seen the probability is 0
            total[:, np.asarray(model[-1].classes_, dtype=int)] += model.predict_proba(X)
        return apply_temperature((total / len(models)).astype(kind).astype(float), self.temperature)


class Stacked(BaseEstimator):
    """A model of what the first members predict for rows that they were not fitted on, and perhaps of the table."""

    def __init__(self, model: Any, weight: float = 1.0, temperature: float = 1.0, sees_table: bool = False) -> None:
        self.model = model
        self.weight = weight
        self.temperature = temperature
        self.sees_table = sees_table

    def fit(self, columns: np.ndarray, X: Any, y: Any) -> "Stacked":
        """Fit on the predictions and the table."""
        self.model_ = clone(self.model).fit(self._seen(columns, X), y)
        return self

    def predict(self, columns: np.ndarray, X: Any, n_classes: int = 0) -> np.ndarray:
        """Return values or, of so many classes, probabilities, scaled."""
        if not n_classes:
            return self.model_.predict(self._seen(columns, X))
        return apply_temperature(self.model_.predict_proba(self._seen(columns, X)), self.temperature)

    def _seen(self, columns: np.ndarray, X: Any) -> np.ndarray:
        return np.hstack([columns, X]) if self.sees_table else columns


class Blended(BaseEstimator):
    """The weighted mean of members, and of models of the first ``n_seen`` of them, on a raw table.

    The folds are drawn on all rows, or on a sample of ``n_rows`` of them, if there are more.
    """

    def __init__(
        self,
        members: Sequence[Member],
        cv: Any = None,
        n_rows: int | None = None,
        seed: int = 0,
        stacked: Sequence[Stacked] = (),
        n_seen: int = 0,
    ) -> None:
        self.members = members
        self.cv = cv
        self.n_rows = n_rows
        self.seed = seed
        self.stacked = stacked
        self.n_seen = n_seen

    def fit_layers(self, X: Any, y: np.ndarray, target: np.ndarray, n_classes: int = 0) -> None:
        """Read the table, draw the folds, fit the members and the models of them."""
        self.reader_ = TableReader()
        read = self.reader_.fit_transform(X)
        rows = self.sampled(y)
        splits = [] if self.cv is None else self.cv.split(read[rows], y[rows])
        folds = [(rows[train], rows[test]) for train, test in splits]
        self.members_ = [clone(member).fit(read, target, folds) for member in self.members]
        seen = [member.predict_unseen(read, target, folds, n_classes) for member in self.members_[: self.n_seen]]
        self.stacked_ = [clone(model).fit(make_stacking_features(seen), read, target) for model in self.stacked]
        self.weights_ = [member.weight for member in self.members] + [model.weight for model in self.stacked]

    def mix(self, X: Any, n_classes: int = 0) -> np.ndarray:
        """Return the weighted mean of what the members, and the models of them, predict."""
        read = self.reader_.transform(X)
        found = [member.predict(read, n_classes) for member in self.members_]
        if self.stacked:
            columns = make_stacking_features(found[: self.n_seen])
            found += [model.predict(columns, read, n_classes) for model in self.stacked_]
        return np.average(found, axis=0, weights=self.weights_)

    def sampled(self, y: np.ndarray) -> np.ndarray:
        """Return the rows that folds are drawn on."""
        if self.n_rows is None or self.n_rows >= len(y):
            return np.arange(len(y))
        is_class = isinstance(self, ClassifierMixin) and np.unique(y, return_counts=True)[1].min() > 1
        rows, _ = train_test_split(
            np.arange(len(y)), train_size=self.n_rows, random_state=self.seed, stratify=y if is_class else None
        )
        return np.sort(rows)


class BlendedClassifier(ClassifierMixin, Blended):
    """The weighted mean of the members' probabilities."""

    def fit(self, X: Any, y: Any) -> "BlendedClassifier":
        """Fit the members on numbered classes."""
        self.classes_, places = np.unique(y, return_inverse=True)
        self.fit_layers(X, np.asarray(y), places, len(self.classes_))
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities, with columns in the order of ``classes_``."""
        return self.mix(X, len(self.classes_))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class BlendedRegressor(RegressorMixin, Blended):
    """The weighted mean of what the members predict."""

    def fit(self, X: Any, y: Any) -> "BlendedRegressor":
        """Fit the members."""
        y = np.asarray(y, dtype=np.float64)
        self.fit_layers(X, y, y)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted values, of shape (n_rows,)."""
        return self.mix(X)
