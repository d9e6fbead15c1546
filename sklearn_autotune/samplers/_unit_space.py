"""The parameters of a space as numbers, as a forest reads them, and which of them a candidate has.

A table of candidates has one row for each candidate and one column for each parameter. A numeric parameter is its
position in the range, from 0 to 1, on a logarithmic scale if the range is logarithmic. A categorical parameter is the
index of the choice. A parameter that a candidate does not have is NaN.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

if TYPE_CHECKING:
    pass

__all__ = ["Conditions", "Dimension", "UnitSpace", "find_first_new"]

# What a tree reads for a parameter that a candidate does not have: outside of the range 0 to 1.
ABSENT = -1.0


@dataclass(frozen=True)
class Dimension:
    """One parameter of a space.

    Attributes
    ----------
    name : str
    distribution : BaseDistribution
        One of Optuna's three.
    """

    name: str
    distribution: BaseDistribution

    @cached_property
    def n_choices(self) -> int:
        """The number of choices of a categorical parameter; 0 for a number."""
        return len(self.distribution.choices) if isinstance(self.distribution, CategoricalDistribution) else 0

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """Convert values to numbers."""
        if self.n_choices:
            return np.array([self.distribution.to_internal_repr(value) for value in values], dtype=float)
        inside = np.clip(np.array(values, dtype=float), self._numeric.low, self._numeric.high)
        return self._locate(inside)

    def decode(self, position: float) -> Any:
        """Convert a number to a value that Optuna accepts."""
        if self.n_choices:
            return self.distribution.to_external_repr(position)
        value = float(self._round(np.array([position]))[0])
        return int(value) if isinstance(self.distribution, IntDistribution) else value

    def spread(self, quantiles: np.ndarray) -> np.ndarray:
        """Return the numbers of these quantiles of the values, which are all equally likely; 0 <= quantile < 1."""
        return np.floor(quantiles * self.n_choices) if self.n_choices else self.snap(quantiles)

    def snap(self, positions: np.ndarray) -> np.ndarray:
        """Move positions in the range to those of the nearest values."""
        if self._step is None:
            return positions
        return self._locate(self._round(positions))

    def change(self, numbers: np.ndarray, widths: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Replace each number by that of another value: a nearby one, or any other choice.

        Parameters
        ----------
        numbers : ndarray of shape (n_candidates,)
        widths : ndarray of shape (n_candidates,)
            The standard deviation of the change of a position.
        random : numpy.random.Generator
        """
        if self.n_choices:
            return (numbers + random.integers(1, self.n_choices, size=len(numbers))) % self.n_choices
        moved = np.abs(numbers + widths * random.standard_normal(len(numbers)))  # reflected at 0
        return self.snap(np.clip(1 - np.abs(1 - moved), 0, 1))  # and at 1

    @cached_property
    def _step(self) -> float | None:
        return self._numeric.step

    @cached_property
    def _ends(self) -> tuple[float, float]:
        """The ends of the range on its scale; each value of a stepped range has an equal part around it."""
        low, high, half = self._numeric.low, self._numeric.high, (self._step or 0) / 2
        return float(self._scale(low - half)), float(self._scale(high + half))

    @property
    def _numeric(self) -> FloatDistribution | IntDistribution:
        assert isinstance(self.distribution, FloatDistribution | IntDistribution)
        return self.distribution

    def _locate(self, values: np.ndarray) -> np.ndarray:
        """Return the positions of values in the range."""
        located: np.ndarray = (self._scale(values) - self._ends[0]) / (self._ends[1] - self._ends[0])
        return located

    def _scale(self, values: Any) -> Any:
        return np.log(values) if self._numeric.log else values

    def _round(self, positions: np.ndarray) -> np.ndarray:
        """Return the values nearest to these positions."""
        low, high = self._numeric.low, self._numeric.high
        scaled = self._ends[0] + positions * (self._ends[1] - self._ends[0])
        values: np.ndarray = np.exp(scaled) if self._numeric.log else scaled
        if self._step is not None:
            values = low + np.round((values - low) / self._step) * self._step
        return np.clip(values, low, high)


@dataclass(frozen=True)
class UnitSpace:
    """All parameters that a proposal may have.

    Attributes
    ----------
    dimensions : tuple of Dimension
    """

    dimensions: tuple[Dimension, ...]

    @classmethod
    def from_distributions(cls, distributions: Mapping[str, BaseDistribution]) -> "UnitSpace":
        """Make the space of these parameters, in the order of their names."""
        return cls(tuple(Dimension(name, distributions[name]) for name in sorted(distributions)))

    def encode(self, candidates: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Return the table of these candidates."""
        table = np.full((len(candidates), len(self.dimensions)), np.nan)
        for column, dimension in enumerate(self.dimensions):
            rows = [row for row, candidate in enumerate(candidates) if dimension.name in candidate]
            table[rows, column] = dimension.encode([candidates[row][dimension.name] for row in rows])
        return table

    def decode(self, numbers: np.ndarray) -> dict[str, Any]:
        """Return the parameters that a row of a table has."""
        present = zip(self.dimensions, numbers, strict=True)
        return {dimension.name: dimension.decode(number) for dimension, number in present if not np.isnan(number)}

    def draw(self, random: np.random.Generator, size: int) -> np.ndarray:
        """Draw random candidates that have all parameters."""
        quantiles = random.random((len(self.dimensions), size))
        return np.column_stack(
            [dimension.spread(row) for dimension, row in zip(self.dimensions, quantiles, strict=True)]
        )

    def fill(self, table: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return a copy in which each candidate has all parameters; those that it lacked are random."""
        return np.where(np.isnan(table), self.draw(random, len(table)), table)

    def make_features(self, table: np.ndarray) -> np.ndarray:
        """Return what trees read: one column for each number, and for each of more than two choices."""
        columns: list[np.ndarray] = []
        for numbers, dimension in zip(table.T, self.dimensions, strict=True):
            if dimension.n_choices > 2:
                columns += [numbers == choice for choice in range(dimension.n_choices)]
            else:
                columns.append(np.nan_to_num(numbers, nan=ABSENT))
        return np.column_stack(columns).astype(np.float32)


class Conditions:
    """Which parameters a candidate has, learnt from the candidates so far.

    For each parameter that some candidates lack, a tree predicts from other parameters whether a candidate has it. The
    others are those that are present wherever this one is, so conditions may depend on other conditional parameters.

    Parameters
    ----------
    table : ndarray of shape (n_candidates, n_parameters)
        Candidates, with NaN for the parameters that they do not have.
    """

    def __init__(self, table: np.ndarray) -> None:
        from sklearn.tree import DecisionTreeClassifier  # imported here because other samplers need no trees

        is_present = ~np.isnan(table)
        counts = is_present.sum(axis=0)
        numbers = np.nan_to_num(table, nan=ABSENT)
        self.rules: list[tuple[int, list[int], DecisionTreeClassifier]] = []
        conditional = np.flatnonzero(counts < len(table))
        for column in conditional[np.argsort(-counts[conditional], kind="stable")]:
            always = is_present[is_present[:, column]].all(axis=0)
            others = [int(other) for other in np.flatnonzero(always & (counts > counts[column]))]
            if others:
                tree = DecisionTreeClassifier(random_state=0).fit(numbers[:, others], is_present[:, column])
                self.rules.append((int(column), others, tree))

    def apply(self, table: np.ndarray) -> np.ndarray:
        """Return a copy in which the parameters that a candidate does not have are NaN."""
        result = table.copy()
        for column, others, tree in self.rules:
            has_it = tree.predict(np.nan_to_num(result[:, others], nan=ABSENT))
            result[~has_it, column] = np.nan
        return result


def find_first_new(table: np.ndarray, known: np.ndarray) -> int | None:
    """Return the first row of a table that is not among the known candidates; None if all are known."""
    seen = set(map(bytes, _make_keys(known)))
    return next((index for index, key in enumerate(map(bytes, _make_keys(table))) if key not in seen), None)


def _make_keys(table: np.ndarray) -> np.ndarray:
    return np.nan_to_num(table, nan=ABSENT).round(9) + 0.0  # -0.0 becomes 0.0
