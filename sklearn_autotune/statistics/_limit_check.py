"""Whether a candidate meets the limits, by a confidence bound of its mean over the folds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sklearn_autotune.evaluation import FoldScore
from sklearn_autotune.objectives._limits import Limit
from sklearn_autotune.statistics._intervals import compute_mean_interval

__all__ = ["LimitCheck", "collect_fold_scores"]


@dataclass(frozen=True, slots=True)
class LimitCheck:
    """Compares candidates with the limits of a search.

    Attributes
    ----------
    limits : tuple of Limit
    test_over_train : float
        Rows in the test part of a fold, for each in its training part.
    confidence : float
        Of the one-sided confidence interval of the mean over the folds that has to meet a limit; 0.5 is the mean alone.
    """

    limits: tuple[Limit, ...]
    test_over_train: float
    confidence: float

    def compute_violations(self, scores: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return how far a candidate is from each limit, in parts of the bound; 0 or less where the limit is met.

        Parameters
        ----------
        scores : mapping of str to ndarray of shape (n_folds,)
            By the names of the scores.

        Returns
        -------
        violations : ndarray of shape (n_limits,)
            Infinite where a score is missing.
        """
        found = [float(limit.compute_violation(self._find_bound(limit, scores[limit.key]))) for limit in self.limits]
        return np.array([value if np.isfinite(value) else np.inf for value in found])

    def _find_bound(self, limit: Limit, scores: np.ndarray) -> float:
        """Return the end of the one-sided confidence interval that is farther from the limit."""
        if not np.isfinite(scores).all():
            return np.nan
        if len(scores) < 2 or self.confidence == 0.5:
            return float(scores.mean())
        interval = compute_mean_interval(
            scores, test_over_train=self.test_over_train, confidence=2 * self.confidence - 1
        )
        return interval.low if limit.asks_for_high_score else interval.high


def collect_fold_scores(folds: Sequence[FoldScore], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the scores of the folds by name; NaN where a fold has none."""
    tests = [fold.test if isinstance(fold.test, Mapping) else {} for fold in folds]
    return {name: np.array([test.get(name, np.nan) for test in tests], dtype=float) for name in names}
