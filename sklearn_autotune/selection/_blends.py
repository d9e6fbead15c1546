"""Blends of candidates: what they cost, the limits that they have to keep to, and the front of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from sklearn.metrics import get_scorer

from sklearn_autotune._compat.messages import extract_exception_line
from sklearn_autotune._compat.sklearn import accepts_sample_weight, take_rows
from sklearn_autotune._compat.types import MatrixLike
from sklearn_autotune.evaluation import Failure, Fold, call_scorer, make_fixed_predictions, select_score
from sklearn_autotune.inference._table_reader import TableReader
from sklearn_autotune.objectives._costs import COSTS, Cost, PredictSeconds, count_bytes
from sklearn_autotune.objectives._front import find_front
from sklearn_autotune.objectives._limits import Limit
from sklearn_autotune.objectives._plan import ObjectivePlan, read_objectives
from sklearn_autotune.search._result_tables import N_SHOWN_ROWS, Front
from sklearn_autotune.search._setup import make_limit_check
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._candidates import FAMILY
from sklearn_autotune.selection._cross_fit import CrossFitEvaluation
from sklearn_autotune.selection._ranking import make_label
from sklearn_autotune.selection._second_layer import is_second_layer
from sklearn_autotune.statistics._limit_check import LimitCheck

__all__ = [
    "BYTES",
    "SECONDS",
    "Blend",
    "BlendCosts",
    "BlendFront",
    "BlendLimits",
    "make_blend_costs",
    "make_blend_front",
    "read_limits",
    "score_on_fold",
]

SECONDS, BYTES = "predict_seconds", "bytes"

# How many times the seconds of the final model are measured; each time is a median of several calls.
N_MEASUREMENTS = 3


@dataclass(frozen=True, slots=True)
class Blend:
    """A blend, or one candidate alone.

    Attributes
    ----------
    weighted_records : tuple of (TrialRecord, float)
        The candidates and their weights, which add up to 1.
    score : float
        Mean score over the folds of its out-of-fold predictions; higher is better.
    single_fits : frozenset of int
        Numbers of the models that are fitted once, on all rows, where the mean of the folds' models would be taken.
    """

    weighted_records: tuple[tuple[TrialRecord, float], ...]
    score: float
    single_fits: frozenset[int] = frozenset()

    @property
    def records(self) -> list[TrialRecord]:
        """The candidates."""
        return [record for record, _ in self.weighted_records]

    @property
    def weights_key(self) -> tuple[Any, ...]:
        """The candidates' numbers and weights."""
        return tuple((record.number, round(weight, 9)) for record, weight in self.weighted_records)

    @property
    def key(self) -> tuple[Any, ...]:
        """What distinguishes it from other blends."""
        return self.weights_key, self.single_fits

    def describe(self) -> str:
        """Return its models and their weights as text."""
        names = [
            make_label(record) + (" (fitted once)" if record.number in self.single_fits else "")
            for record in self.records
        ]
        weights = [f" {weight:.2g}" for _, weight in self.weighted_records] if len(names) > 1 else [""]
        return ", ".join(name + weight for name, weight in zip(names, weights, strict=True))


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
    """

    cross_fit: CrossFitEvaluation
    reader: Mapping[str, float]
    base_records: Sequence[TrialRecord] = ()
    factors: dict[str, float] = field(default_factory=lambda: {SECONDS: 1.0, BYTES: 1.0})

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
        """Return the models that are the mean of the folds' models, those that take most seconds first."""
        averaged = [record for record in self.list_models(records) if self.is_averaged(record)]
        return sorted(averaged, key=lambda record: (-get_seconds_per_row(record), record.number))

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
        """Return a blend with more and more of its models fitted once, those that take most seconds first."""
        numbers = [record.number for record in self.list_averaged(blend.records)]
        return [replace(blend, single_fits=frozenset(numbers[:count])) for count in range(len(numbers) + 1)]


def make_blend_costs(
    cross_fit: CrossFitEvaluation, reader: TableReader, X: MatrixLike, limits: "BlendLimits | None"
) -> BlendCosts:
    """Return what estimates the costs of blends, and have candidates measured as the limits ask.

    Parameters
    ----------
    cross_fit : CrossFitEvaluation
    reader : TableReader
        Fitted; all blends need it.
    X : array-like
        The raw table.
    limits : BlendLimits or None
    """
    if limits is not None:
        cross_fit.predict_seconds = limits.predict_seconds
    costs = {SECONDS: -cross_fit.predict_seconds(reader, X), BYTES: float(count_bytes(reader))}
    return BlendCosts(cross_fit, costs)


@dataclass(frozen=True)
class BlendLimits:
    """What a blend may cost, and has to reach.

    Attributes
    ----------
    plan : ObjectivePlan
    infeasible : str
        "raise" or "nearest".
    costs : mapping of str to str
        For each limited cost, by the name of its score: what it is a cost of, seconds or bytes.
    predict_seconds : PredictSeconds
        How seconds are measured.
    check : LimitCheck or None
        Compares scores of folds with the limits, once the folds are known.
    score_fold : callable or None
        Takes predictions, a fold and a scorer, and returns the score.
    """

    plan: ObjectivePlan
    infeasible: str
    costs: Mapping[str, str]
    predict_seconds: PredictSeconds
    check: LimitCheck | None = None
    score_fold: Callable[[np.ndarray, Fold, Any], float] | None = None

    @property
    def score_keys(self) -> list[str]:
        """The names of the scores that are limited."""
        return [limit.key for limit in self.plan.limits if limit.key not in self.costs]

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
        """Return the limited scorers by name, but for that of the search."""
        scorers = {key: self.plan.scorers[key] for key in self.score_keys if key != self.plan.primary}
        return {key: get_scorer(one) if isinstance(one, str) else one for key, one in scorers.items()}

    def score(self, folds: Sequence[Fold], predictions: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the limited scores of predictions on each fold, by name; NaN where a scorer fails."""
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
        """Return the limited costs of a fitted model, by name: bytes, and seconds several times, or once."""
        found: dict[str, np.ndarray] = {}
        if SECONDS in self.costs.values():
            found[SECONDS] = np.array([-self.predict_seconds(model, X) for _ in range(1 if once else N_MEASUREMENTS)])
        if BYTES in self.costs.values():
            found[BYTES] = np.array([float(count_bytes(model))])
        return found

    def list_values(self, costs: Mapping[str, Any], scores: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Return what a blend has of each limit, by the limits' names; costs are positive."""
        return {limit.name: limit.sign * value for limit, value in self._list_means(costs, scores)}

    def _list_means(self, costs: Mapping[str, Any], scores: Mapping[str, np.ndarray]) -> list[tuple[Limit, float]]:
        """Return each limit with the mean score of a blend; that of a cost is negated."""
        return [
            (
                limit,
                -float(np.mean(costs[self.costs[limit.key]]))
                if limit.key in self.costs
                else float(scores[limit.key].mean()),
            )
            for limit in self.plan.limits
        ]

    def describe(self) -> str:
        """Return all limits as text."""
        return ", ".join(limit.describe() for limit in self.plan.limits)

    def describe_missed(
        self, costs: Mapping[str, Any], scores: Mapping[str, np.ndarray], violations: np.ndarray
    ) -> str:
        """Return the limits that are not met as text, with the values of a blend."""
        pairs = zip(self._list_means(costs, scores), violations, strict=True)
        missed = [(limit, value) for (limit, value), violation in pairs if violation > 0]
        is_near = all(limit.compute_violation(value) <= 0 for limit, value in missed)
        rest = " Its means meet the limits, but not the ends of their intervals, which limit_confidence=0.5 leaves out."
        return ", ".join(limit.describe(value) for limit, value in missed) + "." + (rest if missed and is_near else "")

    def start(self, cross_fit: CrossFitEvaluation, X: MatrixLike, confidence: float) -> "BlendLimits":
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
            If a limited score cannot be computed, whatever is predicted.
        """
        check = make_limit_check(self.plan, cross_fit.task.folds, confidence)
        started = replace(self, check=check, score_fold=partial(score_on_fold, cross_fit, X))
        fold, classes = cross_fit.task.folds[0], cross_fit.classes
        n_rows = len(fold.test)
        same = np.zeros(n_rows) if classes is None else np.full((n_rows, len(classes)), 1 / len(classes))
        for scorer in started.resolve_scorers().values():
            score_on_fold(cross_fit, X, same, fold, scorer, is_checked=True)
        return started


def score_on_fold(
    cross_fit: CrossFitEvaluation,
    X: MatrixLike,
    prediction: np.ndarray,
    fold: Fold,
    scorer: Any,
    *,
    is_checked: bool = False,
) -> float:
    """Return the score of predictions for a fold's test rows; NaN if the scorer fails.

    Parameters
    ----------
    cross_fit : CrossFitEvaluation
    X : array-like
        The raw table, for scorers that compare groups of rows.
    prediction : ndarray
    fold : Fold
    scorer : callable or None
        None is the scorer of the search.
    is_checked : bool, default=False
        Whether a scorer that fails raises ValueError.
    """
    if scorer is None:
        return select_score(cross_fit.score(prediction, fold.test).score, None)
    table = take_rows(X, fold.test)
    if hasattr(table, "reset_index"):
        table = table.reset_index(drop=True)
        model = make_fixed_predictions(table, prediction, cross_fit.classes, lambda rows: prediction[rows.index])
    else:
        model = make_fixed_predictions(table, prediction, cross_fit.classes)
    weight = cross_fit.task.score_params.get("sample_weight")
    is_weighted = weight is not None and accepts_sample_weight(scorer)
    params = {"sample_weight": np.asarray(weight)[fold.test]} if is_weighted else {}
    error_score = "raise" if cross_fit.task.error_score == "raise" else float("nan")
    args = model, table, take_rows(cross_fit.task.y, fold.test)
    scored = call_scorer(scorer, args, params, error_score=error_score)
    if scored.failure == Failure.SCORE and is_checked:
        line = extract_exception_line(scored.error or "")
        raise ValueError(f"limits has a score that cannot be computed from predictions of this table: {line}")
    return select_score(scored.score, None)


def read_limits(selector: Any) -> BlendLimits | None:
    """Read the limits of an `AutoModelSelector`; None if it has none.

    Raises
    ------
    ValueError, TypeError
        If they cannot be read or met, or limit a cost that blends are not measured by.
    """
    plan = read_objectives(None, selector.limits, selector.scoring, True, selector)
    if plan is None:
        return None
    costs: dict[str, str] = {}
    ways: dict[str, PredictSeconds] = {}
    for limit in plan.limits:
        scorer = plan.scorers[limit.key]
        if not isinstance(scorer, Cost | PredictSeconds):
            continue
        if scorer.name not in (SECONDS, BYTES):
            raise ValueError(
                f"limits has {limit.name!r}, a cost that AutoModelSelector does not measure. Its models are limited by "
                f"{SECONDS!r}, {BYTES!r} and scores."
            )
        if not limit.is_upper:
            raise ValueError(f"limits[{limit.name!r}] is '>='. A limit on a cost has to be '<='.")
        costs[limit.key] = scorer.name
        if isinstance(scorer, PredictSeconds):
            ways[limit.name] = scorer
    if len(set(ways.values())) > 1:
        raise ValueError(f"limits has seconds that are measured in several ways: {', '.join(ways)}. Keep one of them.")
    default = COSTS[SECONDS]
    assert isinstance(default, PredictSeconds)
    return BlendLimits(plan, selector.infeasible, costs, next(iter(ways.values()), default))


class BlendFront(Front):
    """``front_`` of a selector: the blends that no other one beats, as a dict of columns, printed as a table."""

    text_columns: ClassVar[tuple[str, ...]] = ("members",)

    def preview(self, n_rows: int = N_SHOWN_ROWS) -> tuple[list[str], list[list[str]]]:
        """Return the header, and the first rows as text."""

        def write(name: str, value: Any) -> str:
            if name == "members":
                return ", ".join(f"{label} {weight:.2g}" for label, weight in value.items())
            return str(value) if name == "n_models" else f"{value:.5g}"

        header = list(self)
        return header, [[write(name, self[name][row]) for name in header] for row in range(min(n_rows, self.n_rows))]


def make_blend_front(blends: Sequence[Blend], costs: BlendCosts) -> BlendFront:
    """Return the blends that no other one beats in score, seconds and bytes, the best score first.

    Of blends with the same score, those count as better that average more models of the folds.

    Parameters
    ----------
    blends : sequence of Blend
    costs : BlendCosts
    """
    estimates = [costs.estimate(blend.records, blend.single_fits) for blend in blends]
    order = sorted(range(len(blends)), key=lambda index: (blends[index].score, -len(blends[index].single_fits)))
    keys = [(blends[index].score, -len(blends[index].single_fits)) for index in order]
    ranks = np.zeros(len(blends))
    ranks[order] = np.cumsum([0, *(one != other for one, other in zip(keys[1:], keys[:-1], strict=True))])
    # What cannot be pickled has no size.
    paid = np.array([[-estimate[SECONDS], -estimate[BYTES]] for estimate in estimates])
    is_on_front = find_front(np.column_stack([ranks, np.nan_to_num(paid, nan=-np.finfo(float).max)]))
    rows = sorted(np.flatnonzero(is_on_front).tolist(), key=lambda index: -ranks[index])
    chosen = [blends[index] for index in rows]
    return BlendFront(
        {
            "score": np.array([blend.score for blend in chosen]),
            SECONDS: np.array([estimates[index][SECONDS] for index in rows]),
            BYTES: np.array([estimates[index][BYTES] for index in rows]),
            "n_models": [sum(costs.count_fits(blend.records, blend.single_fits).values()) for blend in chosen],
            "members": [
                {make_label(record): float(weight) for record, weight in blend.weighted_records} for blend in chosen
            ],
        }
    )
