"""Rows as a model gets them, which can be divided into those for training and those for early stopping."""

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["PreparedRows"]


@dataclass(frozen=True, slots=True)
class PreparedRows:
    """Rows as a model gets them, with their target and weights."""

    X: Any
    y: np.ndarray
    weight: np.ndarray | None

    def split(self, is_held_out: np.ndarray) -> "tuple[PreparedRows, PreparedRows]":
        """Divide the rows into those for training and those for early stopping."""
        return self._take(~is_held_out), self._take(is_held_out)

    def _take(self, mask: np.ndarray) -> "PreparedRows":
        return PreparedRows(self.X[mask], self.y[mask], None if self.weight is None else self.weight[mask])
