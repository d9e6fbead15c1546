"""When a candidate is stopped by its score on a subsample, before its first fold.

The score on a few training rows forecasts the final mean score only roughly. How roughly differs from data to data, so
it is learnt from the complete candidates of this search, which were measured on the subsample too. Their subsample
scores are described by a straight line in their mean scores. The line and the scatter around it say which subsample
scores a candidate has that would end level with the best one. A candidate that scores below them is stopped.

Where small samples mislead, the scatter is large and hardly any candidate is stopped. Then the measurements cost more
than they save, and most candidates are measured without them.
"""

from collections import deque
from dataclasses import dataclass, field
from math import inf, sqrt

import numpy as np
from scipy.special import stdtrit

__all__ = ["SubsampleRecord", "compute_min_subsample_score"]

MIN_COMPLETE = 3

# Before many candidates are complete, the scatter is taken to be so many times the noise of a fold score. This counts
# as much as so many complete candidates.
PRIOR_SCATTER = 2.0
PRIOR_WEIGHT = 4

# A steeper line would be the result of chance: few complete candidates with nearly equal mean scores.
MAX_SLOPE = 4.0

# The number of latest candidates whose subsamples count for the question whether they save more than they cost.
WINDOW = 20

# If they do not, one candidate in so many is still measured on the subsample, because the answer may change.
RETRY_INTERVAL = 10


def compute_min_subsample_score(
    subsample_scores: np.ndarray, scores: np.ndarray, required_mean: float, error_rate: float
) -> float:
    """Return the subsample score below which a candidate is stopped; minus infinity if none is stopped.

    Parameters
    ----------
    subsample_scores : ndarray of shape (n_complete,)
        Of the complete candidates; NaN for a candidate without one.
    scores : ndarray of shape (n_complete, n_folds)
        Their fold scores; higher is better.
    required_mean : float
        The mean score that a candidate has to reach.
    error_rate : float
        The highest accepted probability that a candidate with this mean score is stopped.

    Returns
    -------
    min_score : float

    Examples
    --------
    >>> random = np.random.RandomState(0)
    >>> means = random.uniform(0.5, 0.9, size=(30, 1))
    >>> scores = means + 0.01 * random.normal(size=(30, 5))
    >>> subsample_scores = means.ravel() - 0.1 + 0.01 * random.normal(size=30)
    >>> round(compute_min_subsample_score(subsample_scores, scores, 0.9, error_rate=0.01), 2)
    0.77
    """
    is_known = np.isfinite(subsample_scores)
    subsample_scores, scores = subsample_scores[is_known], scores[is_known]
    n, n_folds = scores.shape
    if n < MIN_COMPLETE:
        return -inf
    means = scores.mean(axis=1)
    centred = means - means.mean()
    squares = float((centred**2).sum())
    residuals = scores - means[:, np.newaxis] - scores.mean(axis=0) + scores.mean()
    noise_variance = float((residuals**2).sum()) / ((n - 1) * (n_folds - 1))
    deviations = subsample_scores - subsample_scores.mean()
    slope = min(max(float((centred * deviations).sum()) / squares, 0.0), MAX_SLOPE) if squares > 0 else 0.0
    scatter = float(((deviations - slope * centred) ** 2).sum())
    degrees_of_freedom = PRIOR_WEIGHT + n - 1
    variance = (PRIOR_WEIGHT * PRIOR_SCATTER**2 * noise_variance + scatter) / degrees_of_freedom
    distance = required_mean - means.mean()
    factor = 1 + 1 / n + (distance**2 / squares if squares > 0 else 0.0)
    quantile = stdtrit(degrees_of_freedom, 1 - error_rate)
    return float(subsample_scores.mean() + slope * distance - quantile * sqrt(variance * factor))


@dataclass(slots=True)
class SubsampleRecord:
    """Counts what the subsample has saved, and says whether the next candidate is measured on it.

    Parameters
    ----------
    share : float
        The cost of the subsample, in units of a fold.
    """

    share: float
    n_candidates: int = field(default=0, init=False)
    was_stopped: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW), init=False)

    def add_candidate(self, *, is_measured: bool, is_stopped: bool) -> None:
        """Record a candidate.

        Parameters
        ----------
        is_measured : bool
            Whether the candidate was measured on the subsample and could have been stopped there.
        is_stopped : bool
            Whether it was stopped there. This saves at least one fold.
        """
        self.n_candidates += 1
        if is_measured:
            self.was_stopped.append(is_stopped)

    @property
    def is_wanted(self) -> bool:
        """Whether the next candidate is measured on the subsample."""
        if len(self.was_stopped) < WINDOW or sum(self.was_stopped) >= self.share * WINDOW:
            return True
        return self.n_candidates % RETRY_INTERVAL == 0
