"""Successive halving: on each rung only the best share of the candidates that reached it may climb on.

Nothing here imports Optuna: bars travel to worker processes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from sklearn_autotune.evaluation import Progress, Rung, average_scores

__all__ = ["HalvingScores", "HalvingState"]


@dataclass(frozen=True, slots=True)
class HalvingState:
    """What a candidate's mean score has to reach on each rung; frozen when the candidate is asked.

    Attributes
    ----------
    least : mapping of int to float
        The resource of a rung, and the mean score over the folds to be reached there.
    metric : str or None
        Which of several scores counts.
    is_picklable : bool
    """

    least: Mapping[int, float]
    metric: str | None = None
    is_picklable: bool = True

    def allows(self, progress: Progress) -> bool:
        """Whether the candidate may climb to the next rung."""
        rung = progress.curve[-1]
        mean = average_scores(rung.test, self.metric)
        return not isfinite(mean) or mean >= self.least.get(rung.resource, float("-inf"))


@dataclass(slots=True)
class HalvingScores:
    """Remembers who scored what on which rung, and says what the next candidate has to reach.

    The asynchronous rule of Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020: a candidate
    climbs on if it is among the best ``1 / factor`` of those that have reached its rung, itself counted.

    Parameters
    ----------
    factor : float
    metric : str or None, default=None

    Examples
    --------
    >>> rungs = HalvingScores(factor=3)
    >>> for score in [0.5, 0.7, 0.6, 0.8, 0.4]:
    ...     rungs.note([Rung(10, (score,))])
    >>> rungs.bar().least  # two of the six on this rung, the next one included, may climb on
    {10: 0.7}
    """

    factor: float
    metric: str | None = None
    scores: dict[int, list[float]] = field(default_factory=dict)

    def note(self, curve: Sequence[Rung]) -> None:
        """Take in what a candidate scored on its way up."""
        for rung in curve:
            mean = average_scores(rung.test, self.metric)
            if isfinite(mean):
                self.scores.setdefault(rung.resource, []).append(mean)

    def bar(self) -> HalvingState:
        """Freeze what the next candidate has to reach."""
        return HalvingState({resource: self._least(told) for resource, told in self.scores.items()}, self.metric)

    def _least(self, told: Sequence[float]) -> float:
        """Return the score of the last one that would keep its place with one more candidate on the rung."""
        n_places = max(1, int((len(told) + 1) // self.factor))
        return sorted(told, reverse=True)[n_places - 1]
