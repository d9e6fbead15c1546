"""Refine the learning rate: search at a high one, then measure the best candidates again at lower ones."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation import average_folds
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.search._refit_rules import BestMean
from sklearn_autotune.search._trial_loop import TrialRecord

__all__ = ["SEARCH_LEARNING_RATE", "LearningRateRefinement", "LowestLearningRateWithinNoise", "is_refined"]

# The learning rate at which candidates are searched. A lower one takes as many more rounds, scores a little better, and
# seldom changes which candidate is best.
SEARCH_LEARNING_RATE = 0.2

LEARNING_RATE_FACTOR = 0.25
MIN_LEARNING_RATE = 0.01

# One candidate in so many is a refined one, and all of the last tenth are, until there is nothing left to refine.
REFINE_EVERY = 25
FINAL_SHARE = 0.1

# How many of the best candidates are refined.
N_REFINED = 3


@dataclass(frozen=True, slots=True)
class LearningRateRefinement:
    """Proposes known good candidates first, and later the best ones again with a quarter of their learning rate.

    Parameters
    ----------
    n_trials : int
        How many candidates there will be.
    metric : str or None
        The score that decides, of several.
    deadline : float or None
        Time by `clock.now` at which ``fit`` has to be over. A candidate is refined as soon as the time left is no more
        than twice what refining it takes.
    n_jobs : int
        How many folds are boosted at a time.
    first : sequence of dict
        Candidates to begin with, unless their time is better spent on refinement.
    """

    n_trials: int
    metric: str | None = None
    deadline: float | None = None
    n_jobs: int = 1
    first: Sequence[Mapping[str, Any]] = ()

    def __call__(self, records: Sequence[TrialRecord], index: int) -> Mapping[str, Any] | None:
        """Return the candidate to measure next, or None where the sampler is to choose.

        Parameters
        ----------
        records : sequence of TrialRecord
            The trials told so far.
        index : int
            How many candidates have been asked before.
        """
        is_turn = index >= self.n_trials * (1 - FINAL_SHARE) or (index > 0 and index % REFINE_EVERY == 0)
        complete = [record for record in records if record.outcome.status == Status.COMPLETE]
        measured = [record.params for record in records]
        for record in sorted(complete, key=self._average_score, reverse=True)[:N_REFINED]:
            refined = {**record.params, "learning_rate": record.params["learning_rate"] * LEARNING_RATE_FACTOR}
            if (
                refined["learning_rate"] >= MIN_LEARNING_RATE
                and refined not in measured
                and (is_turn or self._is_time_to_refine(record))
            ):
                return refined
        return self.first[index] if index < len(self.first) else None

    def _is_time_to_refine(self, record: TrialRecord) -> bool:
        """Whether the time left suffices to refine a candidate and to fit it on all rows, and for little more."""
        if self.deadline is None:
            return False
        folds = record.outcome.folds
        fit_seconds = record.seconds / min(self.n_jobs, len(folds)) + record.seconds / (len(folds) - 1 or 1)
        seconds_left = self.deadline - clock.now()
        return fit_seconds / LEARNING_RATE_FACTOR < seconds_left < 2 * fit_seconds / LEARNING_RATE_FACTOR

    def _average_score(self, record: TrialRecord) -> float:
        return average_folds(record.outcome.folds, self.metric)


def is_refined(params: Mapping[str, Any]) -> bool:
    """Whether a candidate's learning rate has been refined."""
    return params["learning_rate"] < SEARCH_LEARNING_RATE


@dataclass(frozen=True)
class LowestLearningRateWithinNoise(BestMean):
    """Chooses the refined candidate with the lowest learning rate that is no worse than the best one, within noise.

    The best of a hundred candidates at a high learning rate owes part of its score to luck; at a lower one it scores
    a little less on these folds, and better on other rows. Within noise means: its mean score is below the best one by
    at most one standard error of the paired differences between the two over the folds.
    """

    def __call__(self, cv_results: Mapping[str, Any]) -> int:
        """Return the row of the candidate that is chosen."""
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
        """Return what puts lower learning rates first, then higher scores."""
        return -results["params"][row]["learning_rate"], results[f"mean_test_{self.metric or 'score'}"][row]
