"""What a search keeps of the test rows of its candidates."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from sklearn_autotune.evaluation import Outcome, average_folds
from sklearn_autotune.evaluation._status import Status

__all__ = ["KeptRows"]

MAX_BYTES = 2**28


class KeptRows:
    """Arrays of the test rows of measured candidates, by trial number and fold: losses, or predictions.

    If they are more than ``max_bytes``, those of the worst candidates are dropped: of the stopped ones first, and then
    of those with the lowest mean score.

    Parameters
    ----------
    metric : str or None
        Which of several scores decides.
    max_bytes : int, default=2**28
    name : {"row_values", "prediction"}, default="row_values"
        Which array of `FoldScore` is kept.
    """

    def __init__(
        self,
        metric: str | None = None,
        max_bytes: int = MAX_BYTES,
        name: Literal["row_values", "prediction"] = "row_values",
    ) -> None:
        self.metric = metric
        self.max_bytes = max_bytes
        self.name = name
        self.values: dict[int, Mapping[int, np.ndarray]] = {}
        self._ranks: dict[int, tuple[int, float]] = {}
        self._n_bytes = 0

    def take(self, number: int, outcome: Outcome) -> Outcome:
        """Keep the arrays of a trial; return its outcome without them."""
        arrays = [getattr(score, self.name) for score in outcome.folds]
        rows = {fold: array for fold, array in enumerate(arrays) if array is not None}
        if not rows:
            return outcome
        if outcome.status in (Status.COMPLETE, Status.PRUNED) and outcome.comparable_folds:
            self._add(number, outcome, rows)
        without: dict[str, Any] = {self.name: None}
        return replace(outcome, folds=tuple(replace(score, **without) for score in outcome.folds))

    def _add(self, number: int, outcome: Outcome, rows: Mapping[int, np.ndarray]) -> None:
        self.values[number] = rows
        self._ranks[number] = (len(outcome.folds), average_folds(outcome.folds, self.metric))
        self._n_bytes += _count_bytes(rows)
        while self._n_bytes > self.max_bytes and len(self.values) > 1:
            worst = min(self._ranks, key=lambda one: (self._ranks[one], -one))
            self._n_bytes -= _count_bytes(self.values.pop(worst))
            del self._ranks[worst]


def _count_bytes(rows: Mapping[int, np.ndarray]) -> int:
    return sum(values.nbytes for values in rows.values())
