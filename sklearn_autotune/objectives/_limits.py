"""Limits that the winner of a search has to keep to."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Limit"]


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit.

    Attributes
    ----------
    name : str
        As the user wrote it.
    key : str
        Name of the score in ``cv_results_``.
    sign : int
        From the score to the value that is limited: -1 of a cost.
    is_upper : bool
        Whether the value may not be above the bound; otherwise it may not be below.
    bound : float
    """

    name: str
    key: str
    sign: int
    is_upper: bool
    bound: float

    @property
    def asks_for_high_score(self) -> bool:
        """Whether a higher score is nearer to the limit."""
        return (self.sign > 0) != self.is_upper

    def compute_violation(self, score: np.ndarray | float) -> np.ndarray:
        """Return how far a score is on the wrong side of the bound, in parts of the bound; 0 or less if it is not.

        In parts of the bound, because samplers add up the violations of all limits, and bytes would outweigh seconds.

        Examples
        --------
        >>> float(Limit("bytes", "neg_bytes", -1, True, 200.0).compute_violation(-300.0))
        0.5
        """
        value = self.sign * np.asarray(score, dtype=float)
        scale = abs(self.bound) or 1.0
        violation: np.ndarray = (value - self.bound if self.is_upper else self.bound - value) / scale
        return violation

    def describe(self, score: float | None = None) -> str:
        """Return the limit as text, with the value of a candidate in front.

        Examples
        --------
        >>> Limit("bytes", "neg_bytes", -1, True, 200.0).describe(-300.0)
        'bytes 300 (limit <= 200)'
        """
        limit = f"{'<=' if self.is_upper else '>='} {self.bound:.6g}"
        return f"{self.name} {limit}" if score is None else f"{self.name} {self.sign * score:.6g} (limit {limit})"
