"""Blends of candidates: what they cost, their objectives and limits, and a table of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer

from sklearn_autotune._compat.types import MatrixLike
from sklearn_autotune.evaluation import Fold, Outcome
from sklearn_autotune.inference._table_reader import TableReader
from sklearn_autotune.objectives._blend_table import BlendTable
from sklearn_autotune.objectives._costs import COSTS, Cost, PredictSeconds, count_bytes
from sklearn_autotune.objectives._limits import Limit
from sklearn_autotune.objectives._plan import SINGLE, Objective, ObjectivePlan, read_objectives
from sklearn_autotune.search._setup import make_limit_check
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._candidates import FAMILY, CrossFitResult
from sklearn_autotune.selection._cross_fit import CrossFitEvaluation
from sklearn_autotune.selection._ranking import Blend, make_label, select_blend_candidates
from sklearn_autotune.selection._second_layer import is_second_layer
from sklearn_autotune.selection._tasks import check_score, score_on_fold
from sklearn_autotune.statistics._front_rules import check_front_refit
from sklearn_autotune.statistics._limit_check import LimitCheck
from sklearn_autotune.statistics._refit_rules import RefitRule

__all__ = [
    "BYTES",
    "SECONDS",
    "BlendAims",
    "BlendCosts",
    "make_blend_costs",
    "make_blend_table",
    "make_single_check",
    "make_violation_finder",
    "read_blend_aims",
    "select_allowed_candidates",
]

SECONDS, BYTES = "predict_seconds", "bytes"

# How many times the seconds of the final model are measured; each time is a median of several calls.
N_MEASUREMENTS = 3


def get_seconds_per_row(record: TrialRecord) -> float:
    """Return the seconds in which a model of a fold predicts a row."""
    return float(record.outcome.artifacts.seconds_per_row)


@dataclass(slots=True)
class BlendCosts:
    """Estimates what blends cost, from what the model of a fold of each candidate costs.

    Attributes
    ----------
    cross_fit : CrossFitEvaluation
    reader : mapping of str to float
        What reading a table costs.
    base_records : sequence of TrialRecord
        The candidates whose predictions the second layer uses.
    factors : dict of str to float
        By which the estimates have turned out too low.
    main : str
        The cost by which the largest models are fitted once first: seconds, or bytes if these matter alone, which do
        not differ from run to run.
    """

    cross_fit: CrossFitEvaluation
    reader: Mapping[str, float]
    base_records: Sequence[TrialRecord] = ()
    factors: dict[str, float] = field(default_factory=lambda: {SECONDS: 1.0, BYTES: 1.0})
    main: str = SECONDS

    def list_models(self, records: Sequence[TrialRecord]) -> list[TrialRecord]:
        """Return candidates with those that they need: the second layer needs predictions of the first."""
        needed = self.base_records if any(map(is_second_layer, records)) else ()
        return list({record.number: record for record in (*records, *needed)}.values())

    def is_averaged(self, record: TrialRecord) -> bool:
        """Whether the final model of a candidate is the mean of the folds' models, unless it is fitted once."""
        if is_second_layer(record) or not self.cross_fit.averages_folds:
            return False
        return self.cross_fit.families[record.params[FAMILY]].is_bagged

    def list_averaged(self, records: Sequence[TrialRecord]) -> list[TrialRecord]:
        """Return the models that are the mean of the folds' models, those that cost most first."""

        def get_cost(record: TrialRecord) -> float:
            return get_seconds_per_row(record) if self.main == SECONDS else float(record.outcome.artifacts.n_bytes)

        averaged = [record for record in self.list_models(records) if self.is_averaged(record)]
        return sorted(averaged, key=lambda record: (-get_cost(record), record.number))

    def count_fits(self, records: Sequence[TrialRecord], single_fits: frozenset[int]) -> dict[int, int]:
        """Return for each model of a blend, by number, how many fitted models predict for it."""
        n_folds = len(self.cross_fit.task.folds)
        return {
            record.number: n_folds if self.is_averaged(record) and record.number not in single_fits else 1
            for record in self.list_models(records)
        }

    def estimate(self, records: Sequence[TrialRecord], single_fits: frozenset[int]) -> dict[str, float]:
        """Return the estimated costs of a blend, by name."""
        n_fits = self.count_fits(records, single_fits)
        models = self.list_models(records)
        seconds = sum(n_fits[record.number] * get_seconds_per_row(record) for record in models)
        n_bytes = sum(n_fits[record.number] * record.outcome.artifacts.n_bytes for record in models)
        totals = {SECONDS: self.reader[SECONDS] + seconds, BYTES: self.reader[BYTES] + n_bytes}
        return {name: float(self.factors[name] * value) for name, value in totals.items()}

    def estimate_lowest(self, records: Sequence[TrialRecord]) -> dict[str, float]:
        """Return the estimated costs of a blend whose models are all fitted once."""
        return self.estimate(records, frozenset(record.number for record in self.list_averaged(records)))

    def correct(self, blend: Blend, measured: Mapping[str, np.ndarray]) -> None:
        """Raise the estimates if a blend was measured to cost more than estimated."""
        for name, estimate in self.estimate(blend.records, blend.single_fits).items():
            if name in measured and estimate > 0:
                self.factors[name] *= max(1.0, float(measured[name].mean()) / estimate)

    def list_variants(self, blend: Blend) -> list[Blend]:
        """Return a blend with more and more of its models fitted once, those that cost most first."""
        numbers = [record.number for record in self.list_averaged(blend.records)]
        return [replace(blend, single_fits=frozenset(numbers[:count])) for count in range(len(numbers) + 1)]


def make_blend_costs(
    cross_fit: CrossFitEvaluation, reader: TableReader, X: MatrixLike, aims: "BlendAims | None"
) -> BlendCosts:
    """Return what estimates the costs of blends, and have candidates measured as the limits ask.

    Parameters
    ----------
    cross_fit : CrossFitEvaluation
    reader : TableReader
        Fitted; all blends need it.
    X : array-like
        The raw table.
    aims : BlendAims or None
    """
    if aims is not None:
        cross_fit.predict_seconds = aims.predict_seconds
    costs = {SECONDS: -cross_fit.predict_seconds(reader, X), BYTES: float(count_bytes(reader))}
    return BlendCosts(cross_fit, costs, main=SECONDS if aims is None or SECONDS in aims.costs.values() else BYTES)


@dataclass(frozen=True)
class BlendAims:
    """What a blend may cost, what it has to reach, and by which objectives it is chosen.

    Attributes
    ----------
    plan : ObjectivePlan
    infeasible : str
        "raise" or "nearest".
    refit : bool, str or callable
        As of `AutoModelSelector`.
    costs : mapping of str to str
        For each cost, by the name of its score: what it is a cost of, seconds or bytes.
    predict_seconds : PredictSeconds
        How seconds are measured.
    check : LimitCheck or None
        Compares scores of folds with the limits, once the folds are known.
    score_fold : callable or None
        Takes predictions, a fold and a scorer, and returns the score.
    """

    plan: ObjectivePlan
    infeasible: str
    refit: Any
    costs: Mapping[str, str]
    predict_seconds: PredictSeconds
    check: LimitCheck | None = None
    score_fold: Callable[[np.ndarray, Fold, Any], float] | None = None

    @property
    def score_keys(self) -> list[str]:
        """The names of the scores that are limited, or objectives beside the one that guides the search."""
        objectives = [one.key for one in self.plan.objectives if one.key != self.plan.primary]
        keys = [*objectives, *(limit.key for limit in self.plan.limits)]
        return [key for key in dict.fromkeys(keys) if key not in self.costs]

    @property
    def scoring(self) -> Any:
        """The objective that guides the search; None if that is ``scoring``."""
        return self.plan.scorers[self.plan.primary] if self.plan.is_listed else None

    @property
    def takes_best_score(self) -> bool:
        """Whether the best score decides among blends that meet the limits."""
        return not self.plan.is_listed or self.refit is True or self.refit == self.plan.primary

    @property
    def max_measurement_seconds(self) -> float:
        """The seconds in which a final model that meets the limits is measured."""
        bounds = [limit.bound for limit in self.plan.limits if self.costs.get(limit.key) == SECONDS]
        n_rows = (self.predict_seconds.n_calls + 1) * self.predict_seconds.batch_size
        return N_MEASUREMENTS * n_rows * min(bounds, default=0.0)

    def allow(self, costs: Mapping[str, float]) -> bool:
        """Whether costs, by name, meet the limits on costs."""
        limits = [limit for limit in self.plan.limits if limit.key in self.costs]
        return all(limit.compute_violation(-costs[self.costs[limit.key]]) <= 0 for limit in limits)

    def resolve_scorers(self) -> dict[str, Any]:
        """Return the scorers by name, but for that of the search."""
        scorers = {key: self.plan.scorers[key] for key in self.score_keys if key != self.plan.primary}
        return {key: get_scorer(one) if isinstance(one, str) else one for key, one in scorers.items()}

    def score(self, folds: Sequence[Fold], predictions: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the scores of predictions on each fold, by name; NaN where a scorer fails."""
        assert self.score_fold is not None
        resolved = self.resolve_scorers()
        pairs = list(zip(folds, predictions, strict=True))
        return {
            key: np.array([self.score_fold(values, fold, resolved.get(key)) for fold, values in pairs])
            for key in self.score_keys
        }

    def compute_violations(
        self, costs: Mapping[str, np.ndarray | float], scores: Mapping[str, np.ndarray], *, is_final: bool = False
    ) -> np.ndarray:
        """Return how far a blend is from each limit, in parts of the bound; 0 or less where the limit is met.

        Parameters
        ----------
        costs : mapping of str to float or ndarray
            By name; several measurements of a final model.
        scores : mapping of str to ndarray of shape (n_folds,)
            By name of the score.
        is_final : bool, default=False
            Whether costs are measured on a final model, again and again, in place of folds.
        """
        assert self.check is not None
        found = []
        for limit in self.plan.limits:
            name = self.costs.get(limit.key)
            values = scores[limit.key] if name is None else -np.atleast_1d(costs[name])
            ratio = 0.0 if is_final and name is not None else self.check.test_over_train
            check = LimitCheck((limit,), ratio, self.check.confidence)
            found.append(check.compute_violations({limit.key: values})[0])
        return np.array(found)

    def measure(self, model: Any, X: MatrixLike, *, once: bool = False) -> dict[str, np.ndarray]:
        """Return the costs of a fitted model, by name: bytes, and seconds several times, or once."""
        found: dict[str, np.ndarray] = {}
        if SECONDS in self.costs.values():
            found[SECONDS] = np.array([-self.predict_seconds(model, X) for _ in range(1 if once else N_MEASUREMENTS)])
        if BYTES in self.costs.values():
            found[BYTES] = np.array([float(count_bytes(model))])
        return found

    def list_values(self, costs: Mapping[str, Any], scores: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Return what a blend has of each objective and limit, by their names; costs are positive."""
        named = self.plan.named if self.plan.is_listed else self.plan.limits
        return {one.name: one.sign * self._average(one.key, costs, scores) for one in named}

    def _average(self, key: str, costs: Mapping[str, Any], scores: Mapping[str, np.ndarray]) -> float:
        """Return the mean score of a blend; that of a cost is negated."""
        return -float(np.mean(costs[self.costs[key]])) if key in self.costs else float(scores[key].mean())

    def describe(self) -> str:
        """Return all limits as text."""
        return ", ".join(limit.describe() for limit in self.plan.limits)

    def describe_missed(
        self, costs: Mapping[str, Any], scores: Mapping[str, np.ndarray], violations: np.ndarray
    ) -> str:
        """Return the limits that are not met as text, with the values of a blend."""
        pairs = zip(self.plan.limits, violations, strict=True)
        missed = [(limit, self._average(limit.key, costs, scores)) for limit, violation in pairs if violation > 0]
        is_near = all(limit.compute_violation(value) <= 0 for limit, value in missed)
        rest = " Its means meet the limits, but not the ends of their intervals, which limit_confidence=0.5 leaves out."
        return ", ".join(limit.describe(value) for limit, value in missed) + "." + (rest if missed and is_near else "")

    def start(self, cross_fit: CrossFitEvaluation, X: MatrixLike, confidence: float) -> "BlendAims":
        """Return the limits for the rows that candidates are measured on.

        Parameters
        ----------
        cross_fit : CrossFitEvaluation
        X : array-like
            These rows of the raw table.
        confidence : float
            Of the interval that has to meet a limit.

        Raises
        ------
        ValueError
            If a score cannot be computed, whatever is predicted.
        """
        check = make_limit_check(self.plan, cross_fit.task.folds, confidence)
        started = replace(self, check=check, score_fold=partial(score_on_fold, cross_fit, X))
        limited = {limit.key for limit in self.plan.limits}
        for key, scorer in started.resolve_scorers().items():
            check_score(cross_fit, X, scorer, "limits" if key in limited else "objectives")
        return started


def select_allowed_candidates(
    records: Sequence[TrialRecord], costs: BlendCosts, aims: BlendAims | None
) -> list[TrialRecord]:
    """Return the blend candidates that keep to the limits on costs alone; all of them if none does."""
    is_allowed = make_single_check(costs, aims)
    candidates = select_blend_candidates(records, is_allowed)
    return [record for record in candidates if is_allowed is None or is_allowed(record)] or candidates


def make_single_check(costs: BlendCosts, aims: BlendAims | None) -> Callable[[TrialRecord], bool] | None:
    """Return what says whether a candidate, fitted once, keeps to the limits on costs; None without limits."""
    return None if aims is None else lambda record: aims.allow(costs.estimate_lowest([record]))


def make_violation_finder(costs: BlendCosts, aims: BlendAims | None) -> Callable[[Outcome], dict[str, float]] | None:
    """Return what says how far a candidate alone is from each limit on costs, in parts of the bound; None without any.

    A blend costs more than any of its models, so a candidate that violates a limit is in no blend that meets it.
    """
    limits = [] if aims is None else [limit for limit in aims.plan.limits if limit.key in aims.costs]
    if aims is None or not limits:
        return None

    def find_violations(outcome: Outcome) -> dict[str, float]:
        result = outcome.artifacts
        if not isinstance(result, CrossFitResult):
            return {}
        found = {
            SECONDS: costs.reader[SECONDS] + result.seconds_per_row,
            BYTES: costs.reader[BYTES] + result.n_bytes,
        }
        values = {limit.name: float(limit.compute_violation(-found[aims.costs[limit.key]])) for limit in limits}
        return {name: value for name, value in values.items() if not np.isnan(value)}

    return find_violations


def read_blend_aims(selector: Any) -> BlendAims | None:
    """Read the objectives and limits of an `AutoModelSelector`; None if it has none.

    Raises
    ------
    ValueError, TypeError
        If they cannot be read or met, or have a cost that blends are not measured by.
    """
    _check_refit(selector)
    plan = read_objectives(selector.objectives, selector.limits, selector.scoring, selector.refit, selector)
    if plan is None:
        return None
    check_front_refit(selector.refit, plan)
    if plan.primary in plan.cost_keys:
        raise ValueError("objectives has no score that could guide the search. Add one, such as 'roc_auc' or 'r2'.")
    costs: dict[str, str] = {}
    ways: dict[str, PredictSeconds] = {}
    named: tuple[Objective | Limit, ...] = (*plan.objectives, *plan.limits)
    for one in named:
        scorer, is_limit = plan.scorers[one.key], isinstance(one, Limit)
        if not isinstance(scorer, Cost | PredictSeconds):
            continue
        if scorer.name not in (SECONDS, BYTES):
            raise ValueError(
                f"{'limits' if is_limit else 'objectives'} has {one.name!r}, a cost that AutoModelSelector does not "
                f"measure. Its models are {'limited' if is_limit else 'compared'} by {SECONDS!r}, {BYTES!r} and scores."
            )
        if isinstance(one, Limit) and not one.is_upper:
            raise ValueError(f"limits[{one.name!r}] is '>='. A limit on a cost has to be '<='.")
        costs[one.key] = scorer.name
        if isinstance(scorer, PredictSeconds):
            ways[one.name] = scorer
    if len(set(ways.values())) > 1:
        where = "limits has" if selector.objectives is None else "objectives and limits have"
        raise ValueError(f"{where} seconds that are measured in several ways: {', '.join(ways)}. Keep one of them.")
    default = COSTS[SECONDS]
    assert isinstance(default, PredictSeconds)
    return BlendAims(plan, selector.infeasible, selector.refit, costs, next(iter(ways.values()), default))


def _check_refit(selector: Any) -> None:
    refit = selector.refit
    if refit is False or isinstance(refit, RefitRule):
        raise ValueError(
            f"refit={refit!r} is for OptunaSearchCV. AutoModelSelector always fits its final model: refit can be True, "
            "the name of an objective, 'knee' or a function of front_."
        )
    if refit is not True and selector.objectives is None:
        raise ValueError(f"refit={refit!r} chooses among objectives, and there are none. Give objectives, or leave it.")
    if selector.objectives is not None and selector.scoring is not None:
        raise ValueError(
            f"scoring={selector.scoring!r} is given with objectives, of which the first score guides the search. Leave "
            "scoring at None, and let the score be the first of the objectives."
        )


def make_blend_table(
    blends: Sequence[Blend],
    costs: BlendCosts,
    aims: BlendAims | None = None,
    scores: Sequence[Mapping[str, np.ndarray]] = (),
    meets_limits: Sequence[bool] | None = None,
    best: int | None = None,
) -> BlendTable:
    """Return blends as a table of their scores and estimated costs.

    Parameters
    ----------
    blends : sequence of Blend
    costs : BlendCosts
    aims : BlendAims or None, default=None
    scores : sequence of (mapping of str to ndarray of shape (n_folds,)), default=()
        With aims: of each blend, the scores in ``aims.score_keys`` by name.
    meets_limits : sequence of bool or None, default=None
        Of each blend; None is all.
    best : int or None, default=None
        Position of the chosen one.
    """
    estimates = [costs.estimate(blend.records, blend.single_fits) for blend in blends]
    paid = {name: np.array([-estimate[name] for estimate in estimates]) for name in (SECONDS, BYTES)}
    columns = {f"neg_{name}": paid[name] for name in paid}
    scorers: dict[str, Any] = {f"neg_{name}": COSTS[name] for name in paid}
    objectives = (Objective(SINGLE, SINGLE), *(Objective(name, f"neg_{name}", -1) for name in paid))
    if aims is not None:
        columns |= {key: np.array([one[key].mean() for one in scores]) for key in aims.score_keys}
        columns |= {key: paid[name] for key, name in aims.costs.items()}
        scorers |= aims.resolve_scorers() | {key: aims.plan.scorers[key] for key in aims.costs}
        objectives = aims.plan.objectives if aims.plan.is_listed else objectives
    primary = SINGLE if aims is None else aims.plan.primary
    columns[primary], scorers[primary] = np.array([blend.score for blend in blends]), None
    return BlendTable(
        objectives=objectives,
        limits=() if aims is None else aims.plan.limits,
        primary=primary,
        is_listed=aims is not None and aims.plan.is_listed,
        scores=columns,
        scorers=scorers,
        n_single_fits=np.array([len(blend.single_fits) for blend in blends]),
        n_models=[sum(costs.count_fits(blend.records, blend.single_fits).values()) for blend in blends],
        members=[{make_label(record): float(weight) for record, weight in blend.weighted_records} for blend in blends],
        meets_limits=np.ones(len(blends), dtype=bool) if meets_limits is None else np.array(meets_limits),
        best=best,
    )
