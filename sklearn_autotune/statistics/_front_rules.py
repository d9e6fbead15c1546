"""The front of a search's candidates, and the rule that chooses the winner of several objectives and limits."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any

import numpy as np

from sklearn_autotune.objectives._costs import Cost
from sklearn_autotune.objectives._front import find_front, find_knee
from sklearn_autotune.objectives._plan import Objective, ObjectivePlan
from sklearn_autotune.statistics._limit_check import LimitCheck
from sklearn_autotune.statistics._refit_rules import RefitRule, get_fold_scores

__all__ = ["KNEE", "FrontRule", "check_front_refit", "describe_nearest", "find_broken_limits", "make_front"]

KNEE = "knee"


def check_front_refit(refit: Any, plan: ObjectivePlan) -> None:
    """Raise ValueError if ``refit`` names no objective."""
    names = [one.name for one in plan.objectives]
    if not isinstance(refit, str) or refit in names or not plan.is_listed or refit == KNEE:
        return
    raise ValueError(
        f"refit={refit!r} is none of the objectives. It can be {', '.join(map(repr, [*names, KNEE]))}, True (which is "
        f"{plan.primary!r}), False, or a function that takes cv_results_ and returns an index."
    )


def make_front(cv_results: Mapping[str, Any], plan: ObjectivePlan, check: LimitCheck) -> dict[str, Any]:
    """Return the candidates that no other one beats and that meet the limits, as columns.

    Parameters
    ----------
    cv_results : mapping of str to object
        As ``cv_results_``; NaN where a candidate is incomplete.
    plan : ObjectivePlan
    check : LimitCheck

    Returns
    -------
    front : dict of str to ndarray or list
        ``index`` in ``cv_results_``, a column for each objective and each limit, and ``params``. The best in the first
        objective comes first.
    """
    means = _get_means(cv_results, plan)
    values = np.column_stack([means[one.key] for one in plan.objectives])
    violations = _compute_violations(cv_results, plan, check)
    values[(violations > 0).any(axis=1)] = np.nan
    rows = np.flatnonzero(find_front(values))
    rows = rows[np.lexsort((rows, *(-values[rows, column] for column in reversed(range(values.shape[1])))))]
    columns: dict[str, Any] = {"index": rows}
    for one in plan.named:
        columns[one.name] = one.sign * means[one.key][rows]
    return columns | {"params": [cv_results["params"][row] for row in rows]}


@dataclass(frozen=True)
class FrontRule:
    """Chooses the winner of a search with several objectives or limits; a refit rule.

    Attributes
    ----------
    plan : ObjectivePlan
    check : LimitCheck
    refit : bool, str or callable
        As of `OptunaSearchCV`.
    infeasible : str
        "raise" or "nearest": what to do if no candidate meets the limits.
    excluded : frozenset of int
        Rows that may not win.
    """

    plan: ObjectivePlan
    check: LimitCheck
    refit: Any = True
    infeasible: str = "raise"
    excluded: frozenset[int] = field(default=frozenset())

    @property
    def metric(self) -> str:
        """Name of the score that ``best_score_`` is of."""
        return self.plan.primary

    def compute_tolerance(self, best: np.ndarray) -> float:
        """Return the tolerance of the rule in ``refit``."""
        return self.refit.compute_tolerance(best) if isinstance(self.refit, RefitRule) else 0.0

    def find_feasible(self, cv_results: Mapping[str, Any]) -> np.ndarray:
        """Return which candidates meet all limits, of shape (n_candidates,)."""
        found: np.ndarray = np.all(_compute_violations(cv_results, self.plan, self.check) <= 0, axis=1)
        return found

    def meets_limits(self, cv_results: Mapping[str, Any], row: int) -> bool:
        """Whether a candidate meets all limits."""
        return bool(self.find_feasible(cv_results)[row])

    def exclude(self, row: int) -> "FrontRule":
        """Return the rule by which a row may not win."""
        return replace(self, excluded=self.excluded | {row})

    def __call__(self, cv_results: Mapping[str, Any]) -> int:
        """Return the row of the winner.

        Raises
        ------
        ValueError
            If no candidate meets the limits.

        Warns
        -----
        UserWarning
            If none does, and the nearest wins.
        """
        means = _get_means(cv_results, self.plan)
        values = np.column_stack([means[one.key] for one in self.plan.objectives])
        violations = _compute_violations(cv_results, self.plan, self.check)
        is_feasible: np.ndarray = np.all(violations <= 0, axis=1) & np.isfinite(values).all(axis=1)
        is_feasible[sorted(self.excluded)] = False
        if not is_feasible.any():
            message, nearest = describe_nearest(cv_results, self.plan, violations)
            if self.infeasible == "raise":
                raise ValueError(message)
            warnings.warn(message, stacklevel=2)
            return nearest
        if callable(self.refit):
            return self._check_chosen(self.refit(_mask(cv_results, is_feasible)), is_feasible)
        values[~is_feasible] = np.nan
        front = np.flatnonzero(find_front(values))
        if self.refit == KNEE and self.plan.is_listed:
            return int(front[find_knee(values[front])])
        column = [one.key for one in self.plan.objectives].index(self._find_decisive().key)
        return int(front[values[front, column].argmax()])

    def _check_chosen(self, row: Any, is_feasible: np.ndarray) -> int:
        """Return what a function has chosen, if it may win.

        Raises
        ------
        ValueError
            If the candidate does not meet the limits.
        """
        is_row = isinstance(row, Integral) and 0 <= int(row) < len(is_feasible)  # which the search checks afterwards
        if is_row and not is_feasible[int(row)] and self.plan.limits:
            raise ValueError(
                f"refit chose candidate {row}, which does not meet the limits "
                f"({', '.join(limit.describe() for limit in self.plan.limits)}). The scores of such candidates are NaN "
                "in what refit is given: choose by np.nanargmax."
            )
        chosen: int = row
        return chosen

    def _find_decisive(self) -> Objective:
        """Return the objective in which the winner is best."""
        named = [one for one in self.plan.objectives if one.name == self.refit]
        return (named or [one for one in self.plan.objectives if one.key == self.plan.primary])[0]


def describe_nearest(cv_results: Mapping[str, Any], plan: ObjectivePlan, violations: np.ndarray) -> tuple[str, int]:
    """Return the message that no candidate meets the limits, and the row of the nearest candidate."""
    total = np.where(violations > 0, violations, 0.0).sum(axis=1)
    nearest = int(np.argmin(np.where(np.isfinite(total), total, np.inf)))
    means = _get_means(cv_results, plan)
    missed = [limit for limit, value in zip(plan.limits, violations[nearest], strict=True) if value > 0]
    values = ", ".join(limit.describe(float(means[limit.key][nearest])) for limit in missed)
    on_mean = (
        ""
        if any(limit.compute_violation(means[limit.key][nearest]) > 0 for limit in missed)
        else (
            " Its means over the folds meet the limits, but not the ends of their confidence intervals, which "
            "limit_confidence=0.5 leaves out."
        )
    )
    return (
        f"No candidate meets all limits ({', '.join(limit.describe() for limit in plan.limits)}). The nearest is "
        f"candidate {nearest}: {values}.{on_mean} Search longer or in a wider space, or loosen the limits; the "
        "measured candidates are in cv_results_. infeasible='nearest' takes the nearest candidate."
    ), nearest


def find_broken_limits(model: Any, plan: ObjectivePlan) -> list[str]:
    """Return which limits on counted costs a model that is fitted on all rows does not meet, as texts."""
    counted = [
        (limit, -float(cost.compute(model)))
        for limit in plan.limits
        if isinstance(cost := plan.scorers[limit.key], Cost) and not cost.is_measured
    ]
    return [limit.describe(score) for limit, score in counted if limit.compute_violation(score) > 0]


def _get_means(cv_results: Mapping[str, Any], plan: ObjectivePlan) -> dict[str, np.ndarray]:
    return {key: np.asarray(cv_results[f"mean_test_{key}"], dtype=float) for key in plan.keys}


def _compute_violations(cv_results: Mapping[str, Any], plan: ObjectivePlan, check: LimitCheck) -> np.ndarray:
    """Return the violations of all candidates, of shape (n_candidates, n_limits)."""
    folds = {limit.key: np.column_stack(get_fold_scores(cv_results, limit.key)) for limit in plan.limits}
    n_candidates = len(cv_results["params"])
    found = [check.compute_violations({key: table[row] for key, table in folds.items()}) for row in range(n_candidates)]
    return np.array(found).reshape(n_candidates, len(plan.limits))


def _mask(cv_results: Mapping[str, Any], is_kept: np.ndarray) -> dict[str, Any]:
    """Return the results with the test scores of all other candidates set to NaN."""
    tests = {name: column for name, column in cv_results.items() if "_test_" in name and not name.startswith("rank")}
    return {**cv_results, **{name: np.where(is_kept, column, np.nan) for name, column in tests.items()}}
