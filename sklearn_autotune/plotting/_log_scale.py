"""Which parameters a search draws or lists on a logarithmic scale."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.space._dimensions import ChoiceDimension, Dimension, NumericDimension, QuantileDimension
from sklearn_autotune.space._space import BranchedSpace, read_space

__all__ = ["find_log_scales", "is_number", "is_spread_logarithmically"]

# A list of numbers is on a logarithmic scale only if its largest is this many times its smallest.
MIN_LOG_RATIO_OF_LIST = 8.0

# Draws of an unknown distribution are on a logarithmic scale only if the largest is this many times the smallest.
MIN_LOG_RATIO_OF_DRAWS = 50.0


def find_log_scales(search: FittedSearch) -> dict[str, bool]:
    """Return for each parameter whether its values were drawn or listed on a logarithmic scale, where that is known.

    It is read from the space that the user wrote: from ``loguniform``, Optuna's ``log=True``, and the distances between
    listed numbers. If there is no such space, because it is "auto" or a function, it is read from the study.

    Parameters
    ----------
    search : estimator
        Fitted; of this package or another.

    Returns
    -------
    is_log : dict of str to bool
    """
    found: dict[str, list[bool]] = {}
    for name, dimension in _list_dimensions(search):
        is_log = _is_logarithmic(dimension)
        if is_log is not None:
            found.setdefault(name, []).append(is_log)
    if not found:
        for name, distribution in _list_distributions(search).items():
            if isinstance(distribution, FloatDistribution | IntDistribution):
                found[name] = [distribution.log]
    return {name: all(answers) for name, answers in found.items()}


def is_number(value: object) -> bool:
    """Whether a value is a finite number, and neither True nor False."""
    if not isinstance(value, int | float | np.number) or isinstance(value, bool | np.bool_ | np.complexfloating):
        return False
    return bool(np.isfinite(value))


def is_spread_logarithmically(values: Sequence[float] | np.ndarray) -> bool:
    """Whether numbers of unknown origin lie more evenly on a logarithmic axis than on a linear one.

    Up to twelve different numbers are judged by the distances between them, more by where the median lies.

    Examples
    --------
    >>> is_spread_logarithmically([0.01, 0.1, 1, 10]), is_spread_logarithmically([1, 2, 3, 4])
    (True, False)
    """
    distinct = np.unique(np.asarray(values, dtype=float))
    return _is_listed_logarithmically(distinct) if len(distinct) <= 12 else _has_logarithmic_median(distinct)


def _list_dimensions(search: FittedSearch) -> list[tuple[str, Dimension]]:
    """Return the parameters of the space that the user wrote; none if the space is not a dict or a list of dicts."""
    for name in ("param_distributions", "param_grid"):
        raw_space = getattr(search, name, None)
        if raw_space is None or isinstance(raw_space, str):
            continue
        try:
            space = read_space(raw_space)
        except (TypeError, ValueError):  # another package may accept more than this one
            return []
        branches = space.branches if isinstance(space, BranchedSpace) else ()
        return [item for branch in branches for item in branch.items()]
    return []


def _list_distributions(search: FittedSearch) -> Mapping[str, BaseDistribution]:
    study = getattr(search, "study_", None)
    trials = [] if study is None else study.get_trials(deepcopy=False)
    return {name: distribution for trial in trials for name, distribution in trial.distributions.items()}


def _is_logarithmic(dimension: Dimension) -> bool | None:
    """Return None if the values of a dimension are not numbers or not known."""
    if isinstance(dimension, NumericDimension):
        return dimension.distribution.log
    if isinstance(dimension, QuantileDimension):
        return _has_logarithmic_median(np.array([dimension.decode(share) for share in np.linspace(0.05, 0.95, 19)]))
    if isinstance(dimension, ChoiceDimension) and all(is_number(option) for option in dimension.options):
        return _is_listed_logarithmically(np.unique(np.array(dimension.options, dtype=float)))
    return None


def _is_listed_logarithmically(distinct: np.ndarray) -> bool:
    """Whether ascending numbers are spaced more evenly on a logarithmic scale than on a linear one."""
    if len(distinct) < 3 or distinct[0] <= 0 or distinct[-1] / distinct[0] < MIN_LOG_RATIO_OF_LIST:
        return False

    def measure_unevenness(gaps: Any) -> float:
        return float(gaps.std() / gaps.mean())

    return measure_unevenness(np.diff(np.log(distinct))) < measure_unevenness(np.diff(distinct))


def _has_logarithmic_median(values: np.ndarray) -> bool:
    """Whether the median is nearer to the middle on a logarithmic axis than on a linear one."""
    low, middle, high = values.min(), float(np.median(values)), values.max()
    if low <= 0 or high / low < MIN_LOG_RATIO_OF_DRAWS:
        return False
    linear = abs((middle - low) / (high - low) - 0.5)
    logarithmic = abs(np.log(middle / low) / np.log(high / low) - 0.5)
    return bool(logarithmic < linear)
