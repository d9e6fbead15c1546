"""What candidates of a search, and blends of a selector, reached in each objective and limit, as readers see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._trial_table import TrialTable, read_metric, read_trial_table
from sklearn_autotune.evaluation._metric import Metric, describe_metric
from sklearn_autotune.objectives._blend_table import BlendTable
from sklearn_autotune.objectives._costs import Cost, PredictSeconds
from sklearn_autotune.objectives._limits import Limit
from sklearn_autotune.objectives._plan import Objective
from sklearn_autotune.search._front_attributes import get_blend_table, get_front_rule

__all__ = [
    "Aim",
    "AimTable",
    "BlendAimTable",
    "Bound",
    "flatten_params",
    "read_aim_table",
    "read_blend_aim_table",
]

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
    optimised = [one.key for one in plan.objectives]
    aims = tuple(
        _make_aim(
            named[key],
            plan.scorers[key],
            read_metric(search, key),
            read_trial_table(search, key).score,
            limits[key],
            is_objective=key in optimised,
        )
        for key in plan.keys
    )
    return AimTable(read_trial_table(search), aims, rule.check.confidence, rule.excluded)


@dataclass(frozen=True, slots=True, eq=False)
class BlendAimTable:
    """Objectives and limits of a selector, with the values of all blends that it has compared.

    Attributes
    ----------
    blends : BlendTable
    aims : tuple of Aim
        The objectives, and then what is only limited; costs are estimates.
    confidence : float
        Of the one-sided intervals that have to meet the limits.
    """

    blends: BlendTable
    aims: tuple[Aim, ...]
    confidence: float

    @property
    def objectives(self) -> tuple[Aim, ...]:
        """Those by which blends are compared."""
        return tuple(aim for aim in self.aims if aim.is_objective)


def read_blend_aim_table(search: FittedSearch) -> BlendAimTable | None:
    """Read what the blends of a fitted selector reached; None of any other search.

    Without ``objectives``, the objectives are those of its ``front_``: the score, seconds to predict a row, and bytes.

    Parameters
    ----------
    search : estimator
        Fitted.

    Returns
    -------
    blend_aim_table : BlendAimTable or None
    """
    blends = get_blend_table(search)
    if blends is None:
        return None
    optimised = [one.key for one in blends.objectives]
    aims = []
    for one in blends.named:
        scorer = blends.scorers[one.key]
        metric = read_metric(search) if scorer is None else describe_metric(scorer, one.key)
        limits = [limit for limit in blends.limits if limit.key == one.key]
        aims.append(_make_aim(one, scorer, metric, blends.scores[one.key], limits, is_objective=one.key in optimised))
    return BlendAimTable(blends, tuple(aims), float(getattr(search, "limit_confidence", 0.5)))


def flatten_params(table: Mapping[str, Any]) -> Any:
    """Return ``trials_`` or ``front_`` as a DataFrame for a file, with a column for each parameter or blended model."""
    pandas = import_optional("pandas", "A table of candidates")
    frame = pandas.DataFrame({name: list(values) for name, values in table.items()})
    name, prefix = ("params", "param_") if "params" in frame else ("members", "weight_")
    parts = pandas.DataFrame(frame.pop(name).tolist()).add_prefix(prefix)
    return pandas.concat([frame, parts], axis=1)


def _make_aim(
    one: Objective, scorer: Any, metric: Metric, scores: np.ndarray, limits: Sequence[Limit], *, is_objective: bool
) -> Aim:
    """Return an objective, or something that is limited, as readers are shown it.

    Parameters
    ----------
    one : Objective
    scorer : str or callable
    metric : Metric
        What the score is called.
    scores : ndarray of float of shape (n_trials,)
        Higher is better; costs are negated.
    limits : sequence of Limit
        On this score.
    is_objective : bool
    """
    return Aim(
        name=one.name,
        label=_describe(metric, scorer),
        is_lower_better=metric.is_loss,
        values=metric.sign * scores + 0.0,
        is_objective=is_objective,
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
