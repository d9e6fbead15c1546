"""AimTable: what the candidates of a search reached in each objective and limit, as readers are shown it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._trial_table import TrialTable, read_metric, read_trial_table
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.objectives._costs import Cost, PredictSeconds
from sklearn_autotune.objectives._limits import Limit
from sklearn_autotune.objectives._plan import Objective, ObjectivePlan
from sklearn_autotune.search._front_attributes import get_front_rule

__all__ = ["Aim", "AimTable", "Bound", "flatten_params", "read_aim_table"]

# What the package's own costs are, with their units.
COSTS_IN_WORDS = {
    "predict_seconds": "seconds to predict a row",
    "fit_seconds": "seconds to fit",
    "bytes": "bytes",
    "n_features": "features used",
    "n_trees": "trees",
}


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit, for values as they are shown.

    Attributes
    ----------
    is_upper : bool
        Whether values above it do not meet the limit; otherwise those below.
    value : float
    """

    is_upper: bool
    value: float

    def __str__(self) -> str:
        return f"{'<=' if self.is_upper else '>='} {_format_number(self.value)}"


@dataclass(frozen=True, slots=True, eq=False)
class Aim:
    """One objective, or something that is limited, with the values of all trials.

    Values are shown with the sign that readers know: a cost and a loss are positive, and lower is better.

    Attributes
    ----------
    name : str
        As in ``front_`` and ``best_scores_``.
    label : str
        What the values are, with their unit.
    is_lower_better : bool
    values : ndarray of float of shape (n_trials,)
        Means over the folds; NaN unless complete.
    is_objective : bool
        Whether it is optimised, not only limited.
    is_cost : bool
        Whether it is a cost of the model.
    bounds : tuple of Bound
    factor : int
        From the values in ``front_`` and ``best_scores_``, where a loss is negated, to those here.
    """

    name: str
    label: str
    is_lower_better: bool
    values: np.ndarray
    is_objective: bool
    is_cost: bool = False
    bounds: tuple[Bound, ...] = ()
    factor: int = 1

    @property
    def direction(self) -> str:
        """Which values are better, in words."""
        return "lower is better" if self.is_lower_better else "higher is better"

    @property
    def scores(self) -> np.ndarray:
        """The values with the sign of scores: higher is better."""
        return -self.values if self.is_lower_better else self.values

    def format(self, value: float) -> str:
        """Return a value with its name: "bytes 21,281"; a limit stands behind it."""
        limits = f" (limit {' and '.join(map(str, self.bounds))})" if self.bounds else ""
        return f"{self.label} {_format_number(value)}{limits}"


@dataclass(frozen=True, slots=True, eq=False)
class AimTable:
    """Objectives and limits of a search, with the values of all trials.

    Attributes
    ----------
    trial_table : TrialTable
    aims : tuple of Aim
        The objectives, and then what is only limited.
    confidence : float
        Of the one-sided intervals that have to meet the limits.
    excluded : frozenset of int
        Rows in ``cv_results_`` of candidates that meet the limits on the folds, but not fitted on all rows.
    """

    trial_table: TrialTable
    aims: tuple[Aim, ...]
    confidence: float
    excluded: frozenset[int] = frozenset()

    @property
    def objectives(self) -> tuple[Aim, ...]:
        """Those that are optimised."""
        return tuple(aim for aim in self.aims if aim.is_objective)

    @property
    def may_win(self) -> np.ndarray:
        """Which trials are complete and meet all limits, of shape (n_trials,)."""
        return np.isfinite(self.trial_table.eligible_score)


def read_aim_table(search: FittedSearch) -> AimTable | None:
    """Read the objectives and limits of a fitted search; None if it has one score, without limits.

    Parameters
    ----------
    search : estimator
        Fitted.

    Returns
    -------
    aim_table : AimTable or None
    """
    rule = get_front_rule(search)
    if rule is None:
        return None
    plan = rule.plan
    limits: dict[str, list[Limit]] = {key: [] for key in plan.keys}
    for limit in plan.limits:
        limits[limit.key].append(limit)
    named = {one.key: one for one in reversed(plan.named)}  # a limited objective has the name of the objective
    aims = tuple(_make_aim(search, plan, named[key], limits[key]) for key in plan.keys)
    return AimTable(read_trial_table(search), aims, rule.check.confidence, rule.excluded)


def flatten_params(table: Mapping[str, Any]) -> Any:
    """Return ``trials_`` or ``front_`` as a DataFrame with a column for each parameter, for a file."""
    pandas = import_optional("pandas", "A table of candidates")
    frame = pandas.DataFrame({name: list(values) for name, values in table.items()})
    params = pandas.DataFrame(frame.pop("params").tolist()).add_prefix("param_")
    return pandas.concat([frame, params], axis=1)


def _make_aim(search: FittedSearch, plan: ObjectivePlan, one: Objective, limits: Sequence[Limit]) -> Aim:
    scorer, metric = plan.scorers[one.key], read_metric(search, one.key)
    return Aim(
        name=one.name,
        label=_describe(metric, scorer),
        is_lower_better=metric.is_loss,
        values=metric.sign * read_trial_table(search, one.key).score + 0.0,
        is_objective=one.key in [objective.key for objective in plan.objectives],
        is_cost=isinstance(scorer, Cost | PredictSeconds),
        bounds=tuple(_make_bound(limit, metric) for limit in limits),
        factor=metric.sign * one.sign,
    )


def _describe(metric: Metric, scorer: Any) -> str:
    """Return what values are called; of a cost, with its unit."""
    if not isinstance(scorer, Cost | PredictSeconds):
        return metric.label
    words = COSTS_IN_WORDS[scorer.name]
    return words if metric.label == scorer.name.replace("_", " ") else f"{metric.label} ({words})"


def _make_bound(limit: Limit, metric: Metric) -> Bound:
    """Return a limit for values as they are shown, whose sign may differ from that of the limit's values."""
    sign = limit.sign * metric.sign
    return Bound(limit.is_upper if sign > 0 else not limit.is_upper, sign * limit.bound + 0.0)


def _format_number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.5g}"
