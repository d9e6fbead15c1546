"""A Gaussian process whose kernel is optimised on a sample of the rows."""

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

__all__ = ["SampledKernelRegressor"]


class SampledKernelRegressor(RegressorMixin, MetaEstimatorMixin, BaseEstimator):
    """Optimises the kernel of a Gaussian process on a sample of the rows, and fits the process on all of them.

    To optimise a kernel, the process is fitted twenty times or so, and the time of one fit grows with the cube of the
    rows. The few parameters of a kernel are known well enough from some hundred rows.

    Parameters
    ----------
    estimator : GaussianProcessRegressor
    n_sample_rows : int, default=300
        Rows that the kernel is optimised on; with no more rows in all, the estimator is fitted as it is.
    random_state : int, RandomState instance or None, default=None
        Draws the sample.

    Attributes
    ----------
    estimator_ : GaussianProcessRegressor
        Fitted on all rows; its ``kernel_`` is the optimised one.
    """

    def __init__(self, estimator: Any, n_sample_rows: int = 300, random_state: Any = None) -> None:
        self.estimator = estimator
        self.n_sample_rows = n_sample_rows
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> "SampledKernelRegressor":
        """Optimise the kernel and fit the process."""
        X, y = np.asarray(X), np.asarray(y)
        self.estimator_ = clone(self.estimator)
        with warnings.catch_warnings():
            # A parameter at its bound is a fine one: no noise, or a column that has no effect.
            warnings.simplefilter("ignore", ConvergenceWarning)
            if len(X) > self.n_sample_rows:
                rows = check_random_state(self.random_state).permutation(len(X))[: self.n_sample_rows]
                optimized = clone(self.estimator).fit(X[rows], y[rows])
                self.estimator_.set_params(kernel=optimized.kernel_, optimizer=None)
            self.estimator_.fit(X, y)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the mean of the process."""
        return np.asarray(self.estimator_.predict(np.asarray(X)))
