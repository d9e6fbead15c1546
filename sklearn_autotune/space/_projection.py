"""The values of a space that are nearest to given values, such as the estimator's own parameters.

There is one rule. A number becomes the nearest number that the space has: an end of the range, a step, a listed number.
Any other value becomes an equal choice. If there is none either, the middle of the range is taken, or the first choice.
"""

import math
import numbers
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, IntDistribution

from sklearn_autotune.space._dimensions import ChoiceDimension, Dimension, NumericDimension, QuantileDimension

__all__ = ["Distance", "EarlierValues", "match_name", "project_value"]

LABEL = re.compile(r"^\d+: ")  # of objects among choices, before the name of their class

# A number outside a distribution that scipy describes becomes its value at one of these quantiles: the ends of the
# distribution may be infinite.
MIN_QUANTILE, MAX_QUANTILE = 0.001, 0.999


class Distance(IntEnum):
    """How far the value of the space is from the given one."""

    EQUAL = 0
    MOVED = 1
    UNRELATED = 2


def project_value(dimension: Dimension, wanted: Sequence[Any]) -> tuple[Any, Distance] | None:
    """Return what Optuna has to suggest for the nearest value that a dimension has.

    Parameters
    ----------
    dimension : Dimension
    wanted : sequence
        The value and, if it stands for a number (as "sqrt" does), this number after it.

    Returns
    -------
    suggestion : object
    distance : Distance
        None in place of both if the dimension cannot be given a value, because it draws its values itself.
    """
    for value in wanted:
        try:
            return dimension.encode(value), Distance.EQUAL
        except ValueError:
            continue
    for value in reversed(wanted):
        if _is_number(value):
            moved = _move_number(dimension, float(value))
            if moved is not None:
                return moved, Distance.MOVED
    middle = _find_middle(dimension)
    return None if middle is None else (middle, Distance.UNRELATED)


@dataclass(frozen=True, slots=True)
class EarlierValues:
    """The parameters of a candidate of an earlier search, which may have had other names and ranges.

    Attributes
    ----------
    params : mapping of str to object
        By the names that they have in the earlier search.
    distributions : mapping of str to BaseDistribution
        Those of the earlier search, if the params are what Optuna suggested; empty if they are the estimator's values.
    """

    params: Mapping[str, Any]
    distributions: Mapping[str, BaseDistribution] = field(default_factory=dict)

    def find(self, name: str) -> str | None:
        """Return the name that a parameter has in the earlier search; None if it does not have it."""
        return match_name(name, tuple(self.params))

    def encode(self, name: str, dimension: Dimension) -> Any:
        """Return what Optuna has to suggest for a parameter's value, given its name in the earlier search.

        Raises
        ------
        ValueError
            If the value is not in the dimension.
        """
        value = self.params[name]
        if self.distributions.get(name) == dimension.distribution:
            return value
        try:
            return dimension.encode(value)
        except ValueError:
            # Objects have labels such as "1: SVC", with the place in the list.
            if not (isinstance(dimension, ChoiceDimension) and isinstance(value, str) and LABEL.match(value)):
                raise
            kind = LABEL.sub("", value)
            same = [label for label in dimension.labels if isinstance(label, str) and LABEL.sub("", label) == kind]
            if len(same) != 1:
                raise
            return same[0]


@lru_cache(maxsize=4096)
def match_name(name: str, others: tuple[str, ...]) -> str | None:
    """Find the name that means the same parameter: an equal one, or one that differs in its steps only.

    Examples
    --------
    >>> match_name("svc__C", ("C", "gamma")), match_name("C", ("model__C", "model__gamma"))
    ('C', 'model__C')
    >>> match_name("svc__C", ("pca__C", "classifier__C")) is None
    True
    """
    if name in others:
        return name
    last = name.rpartition("__")[2]
    nested = [other for other in others if other.endswith(f"__{name}") or name.endswith(f"__{other}")]
    renamed = [other for other in others if other.rpartition("__")[2] == last]
    for found in (nested, renamed):
        if len(found) == 1:
            return found[0]
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_) and not math.isnan(value)


def _move_number(dimension: Dimension, value: float) -> Any:
    """Return the suggestion for the nearest number of a dimension; None if it has no numbers."""
    if isinstance(dimension, NumericDimension):
        return _round_to_step(dimension, value)
    if isinstance(dimension, ChoiceDimension):
        listed = {
            label: float(option)
            for option, label in zip(dimension.options, dimension.labels, strict=True)
            if _is_number(option) and math.isfinite(option)
        }
        if not listed:
            return None
        near = min(max(value, min(listed.values())), max(listed.values()))  # infinity has no distance to a number
        return min(listed, key=lambda label: abs(listed[label] - near))
    if isinstance(dimension, QuantileDimension):
        distribution = dimension.distribution
        quantile = min(max(float(dimension.frozen.cdf(value)), MIN_QUANTILE), MAX_QUANTILE)
        return min(max(quantile, distribution.low), distribution.high)
    return None


def _round_to_step(dimension: NumericDimension, value: float) -> Any:
    distribution = dimension.distribution
    inside = min(max(value, distribution.low), distribution.high)
    if distribution.step is None:
        return inside
    steps = round((inside - distribution.low) / distribution.step)
    size = dimension.size or 1
    if isinstance(distribution, IntDistribution):
        return distribution.low + min(steps, size - 1) * distribution.step
    return dimension.encode(distribution.low + min(steps, size - 1) * distribution.step)


def _find_middle(dimension: Dimension) -> Any:
    """Return the suggestion for the middle of a range (on its logarithmic scale, if it has one) or the first choice."""
    if isinstance(dimension, NumericDimension):
        low, high = dimension.distribution.low, dimension.distribution.high
        middle = math.sqrt(low * high) if dimension.distribution.log else low + (high - low) / 2
        return _round_to_step(dimension, middle)
    if isinstance(dimension, ChoiceDimension):
        return dimension.labels[0]
    if isinstance(dimension, QuantileDimension):
        return 0.5
    return None
