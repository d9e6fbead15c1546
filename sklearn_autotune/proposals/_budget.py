"""When a search ends: its budget of trials and seconds, and the rule that stops it before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation import Outcome
from sklearn_autotune.storage._outcomes import MEASURED_STATUSES

__all__ = ["UNLIMITED_TRIALS", "Budget", "StoppingRule"]

UNLIMITED_TRIALS = 100_000  # the ``n_trials`` of a search that only the time limits


@dataclass(slots=True)
class Budget:
    """How many candidates may be measured, and until when.

    Attributes
    ----------
    n_trials : int
    deadline : float or None
        Time by `clock.now` at which ``fit`` has to be over.
    refit : bool
        Whether a final fit has to end before the deadline too.
    estimate_final_seconds : callable
        From the seconds of the slowest fit, with the work that candidates share, to those of the final fit on all rows.
    """

    n_trials: int
    deadline: float | None = None
    refit: bool = True
    estimate_final_seconds: Callable[[float], float] = lambda fit_seconds: 1.25 * fit_seconds
    refit_seconds: float = field(default=0.0, init=False)

    @property
    def limits_trials(self) -> bool:
        """Whether the number of candidates is limited, and not only the time."""
        return self.n_trials < UNLIMITED_TRIALS

    def add_outcome(self, outcome: Outcome) -> None:
        """Estimate the refit by the slowest fit so far."""
        if outcome.folds:
            fit_seconds = max(fold.fit_seconds + fold.shared_seconds for fold in outcome.folds)
            self.refit_seconds = max(self.refit_seconds, self.estimate_final_seconds(fit_seconds))

    @property
    def search_deadline(self) -> float | None:
        """The time by `clock.now` at which measuring has to be over."""
        if self.deadline is None:
            return None
        return self.deadline - (self.refit_seconds if self.refit else 0.0)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until measuring has to be over, at least 0."""
        deadline = self.search_deadline
        return None if deadline is None else max(0.0, deadline - clock.now())

    @property
    def is_spent(self) -> bool:
        """Whether no further candidate may be started."""
        return self.seconds_left == 0.0


@dataclass(slots=True)
class StoppingRule:
    """Stops a search on the outcomes that have been told, so that it never depends on timing.

    Attributes
    ----------
    patience : int or None
        How many candidates in a row may bring nothing better: a mean score above all before; of several objectives, a
        candidate that no earlier one beats or equals in all of them.
    target_score : float or None
        The mean score at which the search stops.
    """

    patience: int | None = None
    target_score: float | None = None
    best: list[np.ndarray] = field(default_factory=list, init=False)  # of one objective, the best score alone
    n_without_improvement: int = field(default=0, init=False)

    @property
    def can_stop(self) -> bool:
        """Whether there is anything that may stop the search."""
        return self.patience is not None or self.target_score is not None

    def add_outcome(self, outcome: Outcome, scores: Sequence[float] | None) -> None:
        """Update with an outcome, and its mean score in each objective, higher is better; None if it cannot win."""
        if outcome.status not in MEASURED_STATUSES:
            return
        if scores is not None and not np.isnan(scores).any() and not any((one >= scores).all() for one in self.best):
            values = np.array(scores)
            self.best = [one for one in self.best if not (values >= one).all()] + [values]
            self.n_without_improvement = 0
        elif self.best:
            self.n_without_improvement += 1

    @property
    def is_met(self) -> bool:
        """Whether the search is to stop."""
        if not self.best:
            return False
        is_enough = self.target_score is not None and self.best[0][0] >= self.target_score
        return is_enough or (self.patience is not None and self.n_without_improvement >= self.patience)
