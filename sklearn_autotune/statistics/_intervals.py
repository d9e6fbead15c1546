"""Means over folds, their standard errors and confidence intervals: the one place of the package that computes them."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as t_distribution

from sklearn_autotune._compat.types import ArrayLike

__all__ = [
    "ConfidenceInterval",
    "MeanEstimate",
    "bound_unseen_rate",
    "compute_mean_interval",
    "compute_paired_interval",
    "estimate_mean",
    "guess_test_over_train",
]


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


@dataclass(frozen=True, slots=True)
class MeanEstimate:
    """A mean over folds and its standard error.

    Attributes
    ----------
    n : int
        How many folds have a value.
    mean : float
        NaN if there is none.
    std_error : float
        NaN if there are fewer than two values.
    """

    n: int
    mean: float
    std_error: float

    @property
    def is_constant(self) -> bool:
        """Whether all values are equal, but for rounding, so that there is no spread to estimate an error from."""
        return bool(self.std_error <= 1e-10 * abs(self.mean))

    def can_show_sign(self, confidence: float) -> bool:
        """Whether there are so many folds that equal signs on all of them by chance alone are unlikely."""
        return 2 * 0.5**self.n <= 1 - confidence


def estimate_mean(values: ArrayLike, *, test_over_train: float) -> MeanEstimate:
    """Return the mean over folds and its standard error.

    Training sets of different folds share most of their rows, so what the folds give is not independent, and the
    ordinary standard error is too small. The corrected resampled t-test (Nadeau and Bengio, Machine Learning 52, 2003)
    takes the variance 1 / n + n_test / n_train times, in place of 1 / n.

    Parameters
    ----------
    values : array-like of shape (n_folds,)
        NaN where there is none.
    test_over_train : float
        Rows in the test part of a fold, for each in its training part. 0 gives the ordinary standard error.

    Returns
    -------
    estimate : MeanEstimate

    Examples
    --------
    >>> estimate = estimate_mean([0.8, 0.9, 0.85, 0.9], test_over_train=1 / 3)
    >>> f"{estimate.mean:.4f} ± {estimate.std_error:.4f}"
    '0.8625 ± 0.0366'
    """
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    n = len(finite)
    if n < 2:
        return MeanEstimate(n, float(finite[0]) if n else np.nan, np.nan)
    return MeanEstimate(n, float(finite.mean()), float(np.sqrt((1 / n + test_over_train) * finite.var(ddof=1))))


def guess_test_over_train(n_folds: int) -> float:
    """Guess the number of test rows for each training row, where only the number of folds is known.

    Of k folds, one tests and k - 1 train. More than ten folds most often are repeated ones; then the ratio is that of
    five folds, which gives wider intervals.

    Examples
    --------
    >>> guess_test_over_train(5), guess_test_over_train(50)
    (0.25, 0.25)
    """
    return 1 / 4 if n_folds > 10 else 1 / max(1, n_folds - 1)


def compute_mean_interval(values: ArrayLike, *, test_over_train: float, confidence: float = 0.95) -> ConfidenceInterval:
    """Return the confidence interval of a mean over folds, with the standard error of `estimate_mean`.

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
    estimate = estimate_mean(values, test_over_train=test_over_train)
    if estimate.n < 2:
        return ConfidenceInterval(estimate.mean, -np.inf, np.inf)
    width = float(t_distribution.ppf((1 + confidence) / 2, estimate.n - 1)) * estimate.std_error
    return ConfidenceInterval(estimate.mean, estimate.mean - width, estimate.mean + width)


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
    estimate = estimate_mean(differences, test_over_train=test_over_train)
    if estimate.is_constant and estimate.mean != 0 and not estimate.can_show_sign(confidence):
        return ConfidenceInterval(estimate.mean, -np.inf, np.inf)
    return compute_mean_interval(differences, test_over_train=test_over_train, confidence=confidence)


def bound_unseen_rate(n: int, confidence: float = 0.95) -> float:
    """Return the upper end of the interval of a rate at which something happens, if it has not happened in n trials.

    The interval is that of Clopper and Pearson (Biometrika 26, 1934), whose lower end is 0.

    Parameters
    ----------
    n : int
        Independent trials.
    confidence : float, default=0.95

    Returns
    -------
    rate : float
        Between 0 and 1.

    Examples
    --------
    >>> f"{bound_unseen_rate(100):.3f}"
    '0.036'
    """
    return float(1 - ((1 - confidence) / 2) ** (1 / n))
