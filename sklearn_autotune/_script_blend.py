"""What scripts of a blend take along: members that are fitted on folds or on all rows, and their weighted mean."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.model_selection import train_test_split

from sklearn_autotune._table import TableReader
from sklearn_autotune._temperature import scale

__all__ = ["BlendedClassifier", "BlendedRegressor", "Member"]


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
        rows = [slice(None)] if self.settings is None else [train for train, _ in folds]
        settings = self.settings if self.settings is not None else [{}]
        self.models_ = [
            clone(self.model).set_params(**own).fit(X[train], y[train], **(self.fit_params or {}))
            for train, own in zip(rows, settings, strict=True)
        ]
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the mean of what the models predict."""
        return np.mean([np.asarray(model.predict(X), dtype=float) for model in self.models_], axis=0)

    def probabilities(self, X: Any, n_classes: int) -> np.ndarray:
        """Return the mean of the models' probabilities, scaled; of a class that a model has not seen they are 0."""
        total = np.zeros((len(X), n_classes))
        for model in self.models_:
            total[:, np.asarray(model[-1].classes_, dtype=int)] += model.predict_proba(X)
        return scale(total / len(self.models_), self.temperature)


class Blended(BaseEstimator):
    """The weighted mean of members, on a raw table.

    The folds are drawn on all rows, or on a sample of ``n_rows`` of them, if there are more.
    """

    def __init__(self, members: Sequence[Member], cv: Any = None, n_rows: int | None = None, seed: int = 0) -> None:
        self.members = members
        self.cv = cv
        self.n_rows = n_rows
        self.seed = seed

    def fit_members(self, X: Any, y: np.ndarray, target: np.ndarray) -> None:
        """Read the table, draw the folds and fit the members."""
        self.reader_ = TableReader()
        read = self.reader_.fit_transform(X)
        rows = self.sampled(y)
        splits = [] if self.cv is None else self.cv.split(read[rows], y[rows])
        folds = [(rows[train], rows[test]) for train, test in splits]
        self.members_ = [clone(member).fit(read, target, folds) for member in self.members]
        self.weights_ = [member.weight for member in self.members]

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
        self.fit_members(X, np.asarray(y), places)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities, with columns in the order of ``classes_``."""
        read = self.reader_.transform(X)
        found = [member.probabilities(read, len(self.classes_)) for member in self.members_]
        return np.average(found, axis=0, weights=self.weights_)

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class BlendedRegressor(RegressorMixin, Blended):
    """The weighted mean of what the members predict."""

    def fit(self, X: Any, y: Any) -> "BlendedRegressor":
        """Fit the members."""
        y = np.asarray(y, dtype=np.float64)
        self.fit_members(X, y, y)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted values, of shape (n_rows,)."""
        read = self.reader_.transform(X)
        found = [member.predict(read) for member in self.members_]
        return np.average(found, axis=0, weights=self.weights_)
