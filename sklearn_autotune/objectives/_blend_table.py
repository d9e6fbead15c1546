"""BlendTable: the blends that a selector has compared, by objectives and limits, and their front."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_autotune.objectives._front import find_front
from sklearn_autotune.objectives._limits import Limit
from sklearn_autotune.objectives._plan import Objective

__all__ = ["BlendTable"]


@dataclass(frozen=True, eq=False)
class BlendTable:
    """The blends that a selector has compared.

    Attributes
    ----------
    objectives : tuple of Objective
        What the front is of.
    limits : tuple of Limit
    primary : str
        The key of the score that guides the search.
    is_listed : bool
        Whether the user has given objectives.
    scores : mapping of str to ndarray of shape (n_blends,)
        By the keys of objectives and limits: means over folds, and negated estimates of costs; higher is better.
    scorers : mapping of str to callable
        By the same keys; None for the score that guides the search.
    n_single_fits : ndarray of int of shape (n_blends,)
        How many models are fitted once, where the mean of the folds' models could be taken.
    n_models : sequence of int
        How many fitted models predict.
    members : sequence of (dict of str to float)
        The weight of each model by its label.
    meets_limits : ndarray of bool of shape (n_blends,)
    best : int or None
        Position of the chosen one.
    """

    objectives: tuple[Objective, ...]
    limits: tuple[Limit, ...]
    primary: str
    is_listed: bool
    scores: Mapping[str, np.ndarray]
    scorers: Mapping[str, Any]
    n_single_fits: np.ndarray
    n_models: Sequence[int]
    members: Sequence[Mapping[str, float]]
    meets_limits: np.ndarray
    best: int | None = None

    @property
    def named(self) -> tuple[Objective, ...]:
        """The objectives, and then what is only limited; each score once."""
        known = {one.key for one in self.objectives}
        limited = {limit.key: Objective(limit.name, limit.key, limit.sign) for limit in reversed(self.limits)}
        return (*self.objectives, *(one for key, one in reversed(limited.items()) if key not in known))

    def make_front_scores(self, keys: Sequence[str]) -> np.ndarray:
        """Return the scores by which the front is found, of shape (n_blends, n_keys); NaN where a limit is not met.

        Of blends with the same score, those count as better that average more models of the folds. What cannot be
        pickled has no size, and counts as largest.
        """
        columns = [self._rank(key) if key == self.primary else self.scores[key].astype(float) for key in keys]
        values = np.nan_to_num(np.column_stack(columns), nan=-np.finfo(float).max, neginf=-np.finfo(float).max)
        # If no blend meets the limits, the chosen one is the nearest.
        may_win = self.meets_limits if self.meets_limits.any() else np.arange(len(values)) == self.best
        values[~may_win] = np.nan
        return values

    def _rank(self, key: str) -> np.ndarray:
        pairs = np.column_stack([self.scores[key], -self.n_single_fits])
        ranks: np.ndarray = np.unique(pairs, axis=0, return_inverse=True)[1]
        return ranks.reshape(-1).astype(float)

    def find_front(self) -> np.ndarray:
        """Return the positions of the blends that no other one beats, the best in the first objective first."""
        values = self.make_front_scores([one.key for one in self.objectives])
        rows = np.flatnonzero(find_front(values))
        order: np.ndarray = rows[np.argsort(-values[rows, 0], kind="stable")]
        return order

    def make_front(self) -> dict[str, Any]:
        """Return the blends that no other one beats as columns; costs are positive."""
        rows = self.find_front()
        named = self.named if self.is_listed else self.objectives
        columns: dict[str, Any] = {one.name: one.sign * self.scores[one.key][rows] for one in named}
        columns["n_models"] = [self.n_models[row] for row in rows]
        return columns | {"members": [dict(self.members[row]) for row in rows]}
