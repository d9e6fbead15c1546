"""Refine the learning rate: search with a high one, then measure the best candidates again with lower ones."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation import average_folds
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.statistics._refit_rules import BestMean

__all__ = ["SEARCH_LEARNING_RATE", "LearningRateRefinement", "LowestLearningRateWithinNoise", "is_refined"]

# The learning rate of the search. A lower one needs more rounds in proportion and scores slightly better, but seldom
# changes which candidate is best.
SEARCH_LEARNING_RATE = 0.2

REFINED_LEARNING_RATE = 0.05

# Every 15th candidate is a refined one, and so is each of the last 15 %, as long as there is one to refine. More often
# would leave the sampler too few candidates.
REFINE_EVERY = 15
FINAL_SHARE = 0.15

# Only this many of the best candidates are refined during the search, and this many at its end. The order at the
# learning rate of the search is not quite that at a lower one.
N_REFINED = 3
N_REFINED_AT_END = 12


@dataclass(frozen=True, slots=True)
class LearningRateRefinement:
    """Proposes known good candidates first, and later the best ones again with a quarter of their learning rate.

    Parameters
    ----------
    n_trials : int
        The number of candidates in the search.
    metric : str or None
        The score that guides the search, if there are several; None is the first one.
    deadline : float or None
        The time by `clock.now` at which ``fit`` has to end. A candidate is refined as soon as the time left is less
        than twice the time that its refinement takes.
    n_jobs : int
        The number of folds that are boosted at a time.
    first : sequence of dict
        The candidates to propose first, unless it is time to refine one.
    """

    n_trials: int
    metric: str | None = None
    deadline: float | None = None
    n_jobs: int = 1
    first: Sequence[Mapping[str, Any]] = ()

    def __call__(self, records: Sequence[TrialRecord], index: int) -> Mapping[str, Any] | None:
        """Return the candidate to measure next, or None if the sampler is to choose it.

        Parameters
        ----------
        records : sequence of TrialRecord
            The trials told so far.
        index : int
            The number of candidates that have been proposed before.
        """
        is_end = index >= self.n_trials * (1 - FINAL_SHARE)
        is_turn = is_end or (index > 0 and index % REFINE_EVERY == 0)
        measured = [record.params for record in records]
        candidates = [
            record for record in records if record.outcome.status == Status.COMPLETE and not is_refined(record.params)
        ]
        best_first = sorted(candidates, key=self._average_score, reverse=True)
        for record in best_first[: N_REFINED_AT_END if is_end else N_REFINED]:
            refined = {**record.params, "learning_rate": REFINED_LEARNING_RATE}
            if refined not in measured and (is_turn or self._is_time_to_refine(record)):
                return refined
        return self.first[index] if index < len(self.first) else None

    def _is_time_to_refine(self, record: TrialRecord) -> bool:
        """Whether the time left is enough to refine this candidate and fit it on all rows, but less than twice that."""
        if self.deadline is None:
            return False
        folds = record.outcome.folds
        fit_seconds = record.seconds / min(self.n_jobs, len(folds)) + record.seconds / (len(folds) - 1 or 1)
        seconds_left = self.deadline - clock.now()
        refined_seconds = fit_seconds * record.params["learning_rate"] / REFINED_LEARNING_RATE
        return refined_seconds < seconds_left < 2 * refined_seconds

    def _average_score(self, record: TrialRecord) -> float:
        return average_folds(record.outcome.folds, self.metric)


def is_refined(params: Mapping[str, Any]) -> bool:
    """Whether a candidate's learning rate has been refined."""
    return params["learning_rate"] <= REFINED_LEARNING_RATE


@dataclass(frozen=True)
class LowestLearningRateWithinNoise(BestMean):
    """Chooses the refined candidate with the lowest learning rate that is not worse than the best one, within noise.

    The score of the best of a hundred candidates is partly luck. With a lower learning rate, this candidate often
    scores slightly worse on these folds, but better on other rows. "Within noise" means that the mean score is below
    the best one by at most one standard error of the differences between the two candidates over the folds.
    """

    def __call__(self, cv_results: Mapping[str, Any]) -> int:
        """Return the row of the chosen candidate."""
        metric = self.metric or "score"
        means = cv_results[f"mean_test_{metric}"]
        n_folds = sum(name.startswith("split") and name.endswith(f"_test_{metric}") for name in cv_results)
        scores = np.column_stack([cv_results[f"split{fold}_test_{metric}"] for fold in range(n_folds)])
        best = int(np.nanargmax(means))
        chosen = best
        for row, params in enumerate(cv_results["params"]):
            deficit = scores[best] - scores[row]
            noise = deficit.std(ddof=1) / math.sqrt(n_folds) if n_folds > 1 else 0.0
            if (
                is_refined(params)
                and deficit.mean() <= noise
                and self._make_low_rate_first_key(cv_results, row) > self._make_low_rate_first_key(cv_results, chosen)
            ):
                chosen = row
        return chosen

    def _make_low_rate_first_key(self, results: Mapping[str, Any], row: int) -> tuple[float, float]:
        """Return a key that is larger for lower learning rates and, if these are equal, for higher scores."""
        return -results["params"][row]["learning_rate"], results[f"mean_test_{self.metric or 'score'}"][row]
