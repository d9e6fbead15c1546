"""Polish: search at a learning rate that is quick, then try the best candidates at slower ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn_autotune._trials import Record
from sklearn_autotune.evaluation import mean_score

__all__ = ["QUICK_LEARNING_RATE", "Polish"]

# At which learning rate candidates are searched. With a slower one boosting takes as many more rounds, ends a little
# better, and seldom with another candidate in front.
QUICK_LEARNING_RATE = 0.2

SLOWER = 0.5
SLOWEST = 0.01

# After so many candidates every tenth is polished, and of the last tenth all.
FIRST_AFTER = 20
EVERY = 10
LAST_PART = 0.1

# How many of the best are worth polishing.
N_POLISHED = 3


@dataclass(frozen=True, slots=True)
class Polish:
    """Proposes one of the best candidates again, with half its learning rate.

    Parameters
    ----------
    n_trials : int
        How many candidates there will be.
    metric : str or None
        Which of several scores decides.
    """

    n_trials: int
    metric: str | None = None

    def __call__(self, records: Sequence[Record], place: int) -> Mapping[str, Any] | None:
        """Return the candidate to measure next, or None where it is not polish's turn or nothing is left to polish.

        Parameters
        ----------
        records : sequence of Record
            Of the trials told so far.
        place : int
            How many candidates have been asked before.
        """
        is_last = place >= self.n_trials * (1 - LAST_PART)
        if not is_last and (place < FIRST_AFTER or place % EVERY):
            return None
        complete = [record for record in records if record.outcome.status == "complete"]
        tried = [record.params for record in records]
        for record in sorted(complete, key=self._mean, reverse=True)[:N_POLISHED]:
            slower = {**record.params, "learning_rate": record.params["learning_rate"] * SLOWER}
            if slower["learning_rate"] >= SLOWEST and slower not in tried:
                return slower
        return None

    def _mean(self, record: Record) -> float:
        return mean_score((fold.test for fold in record.outcome.folds), self.metric)
