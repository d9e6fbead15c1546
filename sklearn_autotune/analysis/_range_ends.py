"""Find the parameters whose winning value is at an end of its range, where a wider range may hold better values."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isclose, log
from typing import TYPE_CHECKING, Any

from sklearn_autotune._compat.sklearn import list_limits
from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._trial_table import TrialTable

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = ["RangeEnd", "find_range_ends", "find_space_argument"]

# A winner within this fraction of a range from its end may have better values beyond it.
EDGE_FRACTION = 0.03


@dataclass(frozen=True, slots=True)
class RangeEnd:
    """A parameter whose winning value is at an end of the range that the user wrote.

    Attributes
    ----------
    name : str
    value : float
        That of the winner.
    low, high : float
        The range.
    is_low : bool
        Whether it is the lower end.
    """

    name: str
    value: float
    low: float
    high: float
    is_low: bool

    def __str__(self) -> str:
        """Return the name, and which end it is."""
        return f"{self.name} ({'smallest' if self.is_low else 'largest'})"


def find_space_argument(search: FittedSearch) -> str | None:
    """Return the constructor argument that holds the user's own space; None if the search has chosen its space."""
    params = _get_own_params(search)
    for name in ("param_distributions", "param_grid", "space"):
        if params.get(name) is not None:
            return None if isinstance(params[name], str) else name  # "auto"
    return None


def find_range_ends(search: FittedSearch, trial_table: TrialTable) -> list[RangeEnd]:
    """Return the parameters at an end of a range that the user wrote and can widen.

    A range cannot be wider where it ends at a limit of the parameter itself, such as 0, 1 or the number of columns.
    """
    if trial_table.best is None or not hasattr(search, "study_") or find_space_argument(search) is None:
        return []
    number = trial_table.number[trial_table.best]
    trials = [trial for trial in search.study_.get_trials(deepcopy=False) if trial.number == number]
    found: list[RangeEnd] = []
    for name, distribution in (item for trial in trials for item in trial.distributions.items()):
        value = trials[0].params[name]
        share = _locate_in_range(distribution, value)
        if share is None or EDGE_FRACTION < share < 1 - EDGE_FRACTION:
            continue
        # A space of several dicts has names such as "C (branch 1)" in the study.
        end = RangeEnd(name.partition(" (branch ")[0], value, distribution.low, distribution.high, share < 0.5)
        if not _is_natural_limit(end, search):
            found.append(end)
    return found


def _get_own_params(search: FittedSearch) -> Mapping[str, Any]:
    return search.get_params(deep=False) if hasattr(search, "get_params") else {}


def _locate_in_range(distribution: "BaseDistribution", value: Any) -> float | None:
    """Return where in its range a number lies, from 0 to 1; None for choices and for ranges of a few integers."""
    low, high = getattr(distribution, "low", None), getattr(distribution, "high", None)
    if low is None or high is None or low == high or (isinstance(value, int) and high - low < 1 / EDGE_FRACTION):
        return None
    if getattr(distribution, "log", False):
        low, high, value = log(low), log(high), log(value)
    return float((value - low) / (high - low))


def _is_natural_limit(end: RangeEnd, search: FittedSearch) -> bool:
    """Whether the parameter can have no value beyond the end of its range."""
    bound = end.low if end.is_low else end.high
    if isinstance(end.high, int) and not end.is_low and end.high == getattr(search, "n_features_in_", None):
        return True
    limits = list_limits(_find_owner(search, end.name), end.name.rpartition("__")[2], end.value)
    if limits is None:  # of an estimator that does not tell: non-negative numbers and shares are the usual limits
        limits = [0.0] if not (0 <= end.low <= end.high <= 1) else [0.0, 1.0]
        limits += [1.0] if isinstance(end.low, int) and end.is_low else []
    return any(isclose(bound, limit, abs_tol=EDGE_FRACTION * (end.high - end.low)) for limit in limits)


def _find_owner(search: FittedSearch, name: str) -> Any:
    """Return the estimator that has a parameter; None if it is not known."""
    estimator = getattr(search, "estimator", None)
    prefix = name.rpartition("__")[0]
    if not prefix or estimator is None:
        return estimator
    return estimator.get_params(deep=True).get(prefix)
