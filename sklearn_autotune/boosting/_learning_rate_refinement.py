"""Polish: search at a learning rate that is quick, then try the best candidates at slower ones."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_autotune.evaluation import average_scores
from sklearn_autotune.search._refit_rules import BestMean
from sklearn_autotune.search._trial_loop import TrialRecord

__all__ = ["SEARCH_LEARNING_RATE", "LearningRateRefinement", "LowestLearningRateWithinNoise", "is_refined"]

# At which learning rate candidates are searched. With a slower one boosting takes as many more rounds, ends a little
# better, and seldom with another candidate in front.
SEARCH_LEARNING_RATE = 0.2

SLOWER = 0.25
MIN_LEARNING_RATE = 0.01

# One candidate in so many is polished, and of the last tenth all, until nothing is left to polish.
EVERY = 25
LAST_PART = 0.1

# How many of the best are worth polishing.
N_POLISHED = 3


@dataclass(frozen=True, slots=True)
class LearningRateRefinement:
    """Proposes good known candidates first, and later one of the best again, with a quarter of its learning rate.

    Parameters
    ----------
    n_trials : int
        How many candidates there will be.
    metric : str or None
        Which of several scores decides.
    deadline : float or None
        ``time.time()`` at which all has to be over. What is left is kept for polish as soon as it is no more than
        twice what that will take.
    n_jobs : int
        How many folds grow at a time.
    first : sequence of dict
        Candidates to begin with, unless their time is better spent on polish.
    """

    n_trials: int
    metric: str | None = None
    deadline: float | None = None
    n_jobs: int = 1
    first: Sequence[Mapping[str, Any]] = ()

    def __call__(self, records: Sequence[TrialRecord], place: int) -> Mapping[str, Any] | None:
        """Return the candidate to measure next, or None where the sampler is to choose.

        Parameters
        ----------
        records : sequence of TrialRecord
            Of the trials told so far.
        place : int
            How many candidates have been asked before.
        """
        is_turn = place >= self.n_trials * (1 - LAST_PART) or (place > 0 and place % EVERY == 0)
        complete = [record for record in records if record.outcome.status == "complete"]
        tried = [record.params for record in records]
        for record in sorted(complete, key=self._mean, reverse=True)[:N_POLISHED]:
            slower = {**record.params, "learning_rate": record.params["learning_rate"] * SLOWER}
            if (
                slower["learning_rate"] >= MIN_LEARNING_RATE
                and slower not in tried
                and (is_turn or self._is_time(record))
            ):
                return slower
        return self.first[place] if place < len(self.first) else None

    def _is_time(self, record: TrialRecord) -> bool:
        """Whether the time left is enough to polish a candidate and fit it on all rows, and not for much more."""
        if self.deadline is None:
            return False
        folds = record.outcome.folds
        fitted = record.seconds / min(self.n_jobs, len(folds)) + record.seconds / (len(folds) - 1 or 1)
        left = self.deadline - time.time()
        return fitted / SLOWER < left < 2 * fitted / SLOWER

    def _mean(self, record: TrialRecord) -> float:
        return average_scores((fold.test for fold in record.outcome.folds), self.metric)


def is_refined(params: Mapping[str, Any]) -> bool:
    """Whether a candidate has been polished."""
    return params["learning_rate"] < SEARCH_LEARNING_RATE


@dataclass(frozen=True)
class LowestLearningRateWithinNoise(BestMean):
    """Chooses the slowest polished candidate that is as good as the best one, as far as the folds can tell.

    The best of a hundred candidates at a quick learning rate owes part of its score to luck; at a slower one it scores
    a little less, and on other rows better. As good means: no more than one standard error of the paired differences
    between the two on the folds behind.
    """

    def __call__(self, results: Mapping[str, Any]) -> int:
        """Return the row of the candidate that is chosen."""
        metric = self.metric or "score"
        means = results[f"mean_test_{metric}"]
        n_folds = sum(name.startswith("split") and name.endswith(f"_test_{metric}") for name in results)
        scores = np.column_stack([results[f"split{fold}_test_{metric}"] for fold in range(n_folds)])
        best = int(np.nanargmax(means))
        chosen = best
        for row, params in enumerate(results["params"]):
            behind = scores[best] - scores[row]
            noise = behind.std(ddof=1) / math.sqrt(n_folds) if n_folds > 1 else 0.0
            if is_refined(params) and behind.mean() <= noise and self._rank(results, row) > self._rank(results, chosen):
                chosen = row
        return chosen

    def _rank(self, results: Mapping[str, Any], row: int) -> tuple[float, float]:
        """Sort by how slow, then by how good."""
        return -results["params"][row]["learning_rate"], results[f"mean_test_{self.metric or 'score'}"][row]
