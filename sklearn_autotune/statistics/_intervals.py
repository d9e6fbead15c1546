"""Confidence intervals of means over folds: the one place of the package that computes them."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as t_distribution

from sklearn_autotune._compat.types import ArrayLike

__all__ = ["ConfidenceInterval", "compute_mean_interval", "compute_paired_interval"]


@dataclass(frozen=True, slots=True)
class ConfidenceInterval:
    """A mean and the ends of its confidence interval."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether both ends have the same sign."""
        return bool(self.low > 0 or self.high < 0)


def compute_mean_interval(values: ArrayLike, *, test_over_train: float, confidence: float = 0.95) -> ConfidenceInterval:
    """Return the confidence interval of a mean over folds.

    Training sets of different folds share most of their rows, so what the folds give is not independent, and ordinary
    intervals are too narrow. The corrected resampled t-test (Nadeau and Bengio, Machine Learning 52, 2003) takes the
    variance 1 / n + n_test / n_train times, in place of 1 / n.

    Parameters
    ----------
    values : array-like of shape (n_folds,)
        NaN where there is none.
    test_over_train : float
        Rows in the test part of a fold, for each in its training part.
    confidence : float, default=0.95

    Returns
    -------
    interval : ConfidenceInterval
        Infinitely wide if there are fewer than two values.
    """
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    n = len(finite)
    mean = float(finite.mean()) if n else np.nan
    if n < 2:
        return ConfidenceInterval(mean, -np.inf, np.inf)
    error = float(np.sqrt((1 / n + test_over_train) * finite.var(ddof=1)))
    width = float(t_distribution.ppf((1 + confidence) / 2, n - 1)) * error
    return ConfidenceInterval(mean, mean - width, mean + width)


def compute_paired_interval(
    differences: ArrayLike, *, test_over_train: float, confidence: float = 0.95
) -> ConfidenceInterval:
    """Return the confidence interval of a mean difference between two methods on the same folds.

    As `compute_mean_interval`, but if all differences are equal, as happens with scores that count a few rows, there is
    no spread to estimate: then the interval is finite only if there are so many folds that equal signs by chance alone
    are unlikely.

    Parameters
    ----------
    differences : array-like of shape (n_folds,)
        NaN where one of the two has no score.
    test_over_train : float
        Rows in the test part of a fold, for each in its training part.
    confidence : float, default=0.95

    Returns
    -------
    interval : ConfidenceInterval
        Infinitely wide if nothing can be said.

    Examples
    --------
    >>> interval = compute_paired_interval([0.02, 0.01, 0.03, 0.02, 0.02], test_over_train=0.25)
    >>> f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
    '0.020 [0.007, 0.033]'
    """
    interval = compute_mean_interval(differences, test_over_train=test_over_train, confidence=confidence)
    n = int(np.isfinite(np.asarray(differences, dtype=float)).sum())
    is_constant = interval.high - interval.low <= 1e-9 * abs(interval.mean)
    if is_constant and interval.mean != 0 and 2 * 0.5**n > 1 - confidence:
        return ConfidenceInterval(interval.mean, -np.inf, np.inf)
    return interval
