"""A regressor that is fitted on the logarithm or a power of the target, and predicts its mean or its median."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PowerTransformer, StandardScaler

from sklearn_autotune._compat.sklearn import find_weight_parameter
from sklearn_autotune.inference._target_statistics import InnerFoldList

__all__ = ["TRANSFORMS", "TransformedTarget"]

TRANSFORMS = ("log", "power")

# The residuals that predictions are averaged over: their quantiles in the middles of so many equal parts.
N_RESIDUALS = 50

# Predictions of the logarithm stay within the training target, widened by this multiple of its spread at both ends: the
# inverse turns small excesses into large ones.
MARGIN = 0.5

# Rows that are predicted at a time.
N_ROWS_AT_ONCE = 20_000


class TransformedTarget(RegressorMixin, MetaEstimatorMixin, BaseEstimator):
    """Fits a regressor on a transformed target, and turns its predictions back.

    The inverse of a predicted mean is not the mean of the target; for the logarithm it is about its median. Smearing
    (Duan, "Smearing estimate: a nonparametric retransformation method", JASA 1983) gives the mean: the average of the
    inverse over the residuals of the training rows. Here they are residuals of rows that the regressor was not fitted
    on, because those of a flexible model on its own training rows are too small.

    Parameters
    ----------
    regressor : estimator
    transform : {"log", "power"}, default="log"
        "log" is the logarithm or, if the training target contains 0, that of the target plus 1. "power" is the
        Yeo-Johnson power that makes the target most normal.
    smears : bool, default=True
        Whether predictions are turned back to the mean. Otherwise they are turned back as they are, which is right
        where the median is wanted.
    n_folds : int, default=3
        Folds for the residuals.
    random_state : int or None, default=None
        Draws these folds.

    Attributes
    ----------
    regressor_ : estimator
        Fitted on the transformed target of all rows.
    transformer_ : Pipeline
    residuals_ : ndarray of shape (n_residuals,)
        Quantiles of the residuals in units of the transformed target; a single 0 without smearing.
    """

    def __init__(
        self,
        regressor: Any,
        transform: str = "log",
        smears: bool = True,
        n_folds: int = 3,
        random_state: int | None = None,
    ) -> None:
        self.regressor = regressor
        self.transform = transform
        self.smears = smears
        self.n_folds = n_folds
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, inner_folds: InnerFoldList | None = None
    ) -> "TransformedTarget":
        """Fit the transformation, the regressor and, for smearing, one regressor for each fold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,) or None, default=None
        inner_folds : list of (ndarray of int, ndarray of int) or None, default=None
            Training rows and test rows of the folds for the residuals. None, or an empty list, draws ``n_folds`` folds
            at random.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If the logarithm is asked for and a value is negative.
        """
        y = np.asarray(y, dtype=float).reshape(-1)
        self.transformer_ = self._make_transformer(y)
        z = self.transformer_.fit_transform(y[:, None])[:, 0]
        margin = MARGIN * z.std() if self.transform == "log" else 0.0
        # Where the target contains 0, nothing below it is predicted.
        self.range_ = (float(z.min() - (margin if y.min() > 0 else 0.0)), float(z.max() + margin))
        self.residuals_ = self._compute_residuals(X, z, sample_weight, inner_folds) if self.smears else np.zeros(1)
        self.regressor_ = self._fit_clone(X, z, sample_weight, np.arange(len(z)))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return values in the unit of the target."""
        z = np.clip(np.asarray(self.regressor_.predict(X), dtype=float).reshape(-1), *self.range_)
        parts = [self._invert(z[start : start + N_ROWS_AT_ONCE]) for start in range(0, len(z), N_ROWS_AT_ONCE)]
        return np.concatenate(parts) if parts else z

    def _invert(self, z: np.ndarray) -> np.ndarray:
        """Return the mean of the inverse over the residuals."""
        values = np.clip(z[:, None] + self.residuals_, *self.range_)
        inverted = self.transformer_.inverse_transform(values.reshape(-1, 1))
        return np.asarray(inverted.reshape(values.shape).mean(axis=1))

    def _make_transformer(self, y: np.ndarray) -> Any:
        if self.transform == "power":
            # Scaled first, because the power of a large number may be larger than any float.
            return make_pipeline(StandardScaler(), PowerTransformer())
        if self.transform != "log":
            raise ValueError(f"transform is one of {', '.join(map(repr, TRANSFORMS))}, got {self.transform!r}.")
        if y.min() < 0:
            raise ValueError("The target has negative values, which have no logarithm: take transform='power'.")
        functions = (np.log, np.exp) if y.min() > 0 else (np.log1p, np.expm1)
        return make_pipeline(FunctionTransformer(*functions, check_inverse=False))

    def _compute_residuals(self, X: Any, z: np.ndarray, weight: Any, inner_folds: InnerFoldList | None) -> np.ndarray:
        n_folds = max(2, min(self.n_folds, len(z)))
        folds = inner_folds or list(KFold(n_folds, shuffle=True, random_state=self.random_state).split(z))
        found: list[np.ndarray] = []
        for train, test in folds:
            model = self._fit_clone(X, z, weight, train)
            found.append(z[test] - np.asarray(model.predict(_take_rows(X, test))).reshape(-1))
        residuals, rows = np.concatenate(found), np.concatenate([test for _, test in folds])
        order = np.argsort(residuals, kind="stable")
        weights = np.ones(len(z)) if weight is None else np.asarray(weight, dtype=float)
        shares = np.cumsum(weights[rows[order]])
        middles = (np.arange(N_RESIDUALS) + 0.5) / N_RESIDUALS * shares[-1]
        return residuals[order][np.minimum(np.searchsorted(shares, middles), len(residuals) - 1)]

    def _fit_clone(self, X: Any, z: np.ndarray, weight: Any, rows: Any) -> Any:
        name = find_weight_parameter(self.regressor)
        params = {} if weight is None or name is None else {name: np.asarray(weight)[rows]}
        return clone(self.regressor).fit(_take_rows(X, rows), z[rows], **params)


def _take_rows(X: Any, rows: np.ndarray) -> Any:
    """Return some rows of an array, a sparse matrix or a DataFrame."""
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]
