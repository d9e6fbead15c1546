"""How probable it is that two methods are practically equivalent, or that one of them is better."""

from typing import NamedTuple

import numpy as np
from scipy.stats import t as t_distribution

from sklearn_autotune._compat.types import ArrayLike
from sklearn_autotune.statistics._intervals import estimate_mean

__all__ = ["EquivalenceProbabilities", "check_rope", "compute_equivalence_probabilities"]


class EquivalenceProbabilities(NamedTuple):
    """The probabilities that one of two methods is better, or that they are practically equivalent; they add up to 1.

    Attributes
    ----------
    first : float
        That the first is better by more than the region of practical equivalence.
    equivalent : float
        That they differ by no more than that.
    second : float
        That the second is better by more than that.
    """

    first: float
    equivalent: float
    second: float


def check_rope(rope: object) -> None:
    """Raise ValueError unless a region of practical equivalence is a finite number from 0 up, or None."""
    if rope is not None and not (isinstance(rope, int | float | np.number) and 0 <= rope < np.inf):
        raise ValueError(
            f"rope must be a number from 0 up, such as 0.01, in the units of the score, or None; got {rope!r}."
        )


def compute_equivalence_probabilities(
    differences: ArrayLike, *, test_over_train: float, rope: float, confidence: float = 0.95
) -> EquivalenceProbabilities:
    """Return how probable it is that the mean difference of two methods is above, inside or below a region around 0.

    The Bayesian correlated t-test (Corani and Benavoli, Machine Learning 100, 2015; Benavoli, Corani, Demšar and
    Zaffalon, JMLR 18, 2017, section 4.1): with a flat prior, the posterior of the mean difference is Student's t with
    n - 1 degrees of freedom around the mean over the n folds. The square of its scale is the variance over the folds
    times 1 / n + rho / (1 - rho), where rho is the correlation of the folds, n_test / (n_train + n_test). That is the
    variance of the corrected resampled t-test.

    Parameters
    ----------
    differences : array-like of shape (n_folds,)
        Score of the first method less that of the second on the same fold; higher scores are better. NaN where one of
        the two has none: the fold is left out.
    test_over_train : float
        Rows in the test part of a fold, for each in its training part.
    rope : float
        Half the width of the region of practical equivalence, in the units of the score: differences from ``-rope`` to
        ``rope`` make no difference in practice. 0 or more.
    confidence : float, default=0.95
        Decides only how many folds are needed if all differences are equal.

    Returns
    -------
    probabilities : EquivalenceProbabilities
        All are NaN if nothing can be said: with fewer than two folds, and with the same difference on every fold, which
        shows no spread, unless it is 0 or there are so many folds that equal signs by chance alone are unlikely.

    Raises
    ------
    ValueError
        If ``rope`` is not a finite number from 0 up.

    Examples
    --------
    >>> differences = [0.004, -0.002, 0.004, 0.006, 0.001]
    >>> found = compute_equivalence_probabilities(differences, test_over_train=0.25, rope=0.01)
    >>> [f"{probability:.3f}" for probability in found]
    ['0.012', '0.986', '0.002']
    """
    check_rope(rope)
    estimate = estimate_mean(differences, test_over_train=test_over_train)
    if estimate.n < 2:
        return EquivalenceProbabilities(np.nan, np.nan, np.nan)
    if estimate.is_constant:
        if estimate.mean != 0 and not estimate.can_show_sign(confidence):
            return EquivalenceProbabilities(np.nan, np.nan, np.nan)
        first, second = float(estimate.mean > rope), float(estimate.mean < -rope)
        return EquivalenceProbabilities(first, 1.0 - first - second, second)
    posterior = t_distribution(estimate.n - 1, estimate.mean, estimate.std_error)
    first, second = float(posterior.sf(rope)), float(posterior.cdf(-rope))
    return EquivalenceProbabilities(first, max(0.0, 1.0 - first - second), second)
