"""Ranks candidates and blends: those that can enter the blend, the leaderboard, and the front of blends."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np

from sklearn_autotune._compat.html import MAX_SHOWN, format_parameters, render_table
from sklearn_autotune.evaluation import Outcome, average_scores
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.objectives._blend_table import BlendTable
from sklearn_autotune.objectives._front import find_knee
from sklearn_autotune.search._result_tables import N_SHOWN_ROWS, ColumnTable, Front
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._candidates import FAMILY, CrossFitResult, add_family_prefix
from sklearn_autotune.selection._cost_model import CostModel
from sklearn_autotune.space._space import make_candidate_key
from sklearn_autotune.statistics._front_rules import KNEE
from sklearn_autotune.statistics._intervals import estimate_mean
from sklearn_autotune.storage._artifacts import Artifacts

__all__ = [
    "MAX_BLEND_SIZE",
    "Blend",
    "BlendFront",
    "Leaderboard",
    "MeasuredCandidates",
    "average_fold_scores",
    "choose_blend",
    "make_label",
    "make_leaderboard",
    "release_results",
    "select_best_per_family",
    "select_blend_candidates",
    "sort_by_score",
]

# The best two candidates of a family can enter the blend: the second ones up to N_BLEND_CANDIDATES, the best ones up to
# MAX_BLEND_CANDIDATES. The predictions and fold models of all other candidates are dropped. The third best is similar
# to the first two, since the sampler found it near them: on ten tables it brought nothing.
MAX_PER_FAMILY = 2
N_BLEND_CANDIDATES = 6
MAX_BLEND_CANDIDATES = 12
MAX_BLEND_SIZE = 5


class Leaderboard(ColumnTable):
    """``leaderboard_``: a dict of columns with a row for each candidate, the best first; ten rows are printed.

    Parameters
    ----------
    columns : mapping of str to ndarray, default=()
    metric : Metric, default=None
        What the scores are called, and which of them are better.
    """

    text_columns: ClassVar[tuple[str, ...]] = ("model", "status", "params")

    def __init__(
        self, columns: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), metric: Metric | None = None
    ) -> None:
        super().__init__(columns)
        self.metric = metric or Metric()

    def preview(self, n_rows: int = N_SHOWN_ROWS) -> tuple[list[str], list[list[str]]]:
        """Return the header, and the first rows as text; a loss has its own sign."""
        header = ["rank", "model", self.metric.label, "std error", "weight", "fit seconds", "status", "params"]
        names = ("mean_score", "std_error", "blend_weight", "fit_seconds", "status", "params")
        columns = (column[:n_rows] for column in (self.list_models(), *(self[name] for name in names)))
        rows: list[list[str]] = []
        for model, score, error, weight, seconds, status, params in zip(*columns, strict=True):
            numbers = [format(self.metric.sign * score, ".5g"), f"{error:.2g}", f"{weight:.3g}", f"{seconds:.3g}"]
            shown = ["-" if number == "nan" else number for number in numbers]
            rows.append([str(len(rows) + 1), model, *shown, status, format_parameters(params)])
        return header, rows

    def list_models(self) -> list[str]:
        """Return the labels of the candidates, which are the keys of ``blend_weights_``."""
        return [f"{family}_{number}" for family, number in zip(self["family"], self["number"], strict=True)]

    def render_blend(self, weights: Mapping[str, float]) -> str:
        """Return the models of a blend as an HTML table, with their weights, the largest first."""
        rows = {
            model: {
                "model": model,
                "weight": float(weights[model]),
                self.metric.label: self.metric.sign * self["mean_score"][row],
                "parameters": format_parameters(self["params"][row]) or "defaults",
            }
            for row, model in enumerate(self.list_models())
            if model in weights
        }
        by_weight = [rows[model] for model in sorted(rows, key=lambda model: -weights[model])]
        return render_table(by_weight, verbatim=[self.metric.label], max_length=MAX_SHOWN) if rows else ""


def sort_by_score(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the complete candidates, sorted from the best mean score to the worst."""
    complete = [record for record in records if record.outcome.status == Status.COMPLETE]
    return sorted(complete, key=lambda record: -average_fold_scores(record.outcome))


def select_blend_candidates(
    records: Sequence[TrialRecord], is_allowed: Callable[[TrialRecord], bool] | None = None
) -> list[TrialRecord]:
    """Return the candidates that can enter the blend: the best of each family and some second ones, the best first.

    Parameters
    ----------
    records : sequence of TrialRecord
    is_allowed : callable, default=None
        Whether a candidate keeps to limits. Those that do come first, whatever their scores.
    """
    return _select_best_of_families(records, is_allowed)[:MAX_BLEND_CANDIDATES]


def _select_best_of_families(
    records: Sequence[TrialRecord], is_allowed: Callable[[TrialRecord], bool] | None
) -> list[TrialRecord]:
    """Return the best of each family and some second ones, the best first. A candidate left out never comes back."""
    counts: Counter[str] = Counter()
    selected: list[TrialRecord] = []
    ranked = [record for record in sort_by_score(records) if not _is_released(record)]
    for record in ranked if is_allowed is None else sorted(ranked, key=lambda record: not is_allowed(record)):
        counts[record.params[FAMILY]] += 1
        n_in_family = counts[record.params[FAMILY]]
        if n_in_family == 1 or (n_in_family <= MAX_PER_FAMILY and len(selected) < N_BLEND_CANDIDATES):
            selected.append(record)
    return selected


def _is_released(record: TrialRecord) -> bool:
    return isinstance(record.outcome.artifacts, CrossFitResult) and record.outcome.artifacts.is_released


def select_best_per_family(records: Sequence[TrialRecord]) -> dict[str, TrialRecord]:
    """Return the best complete candidate of each family, the best first."""
    best: dict[str, TrialRecord] = {}
    for record in sort_by_score(records):
        best.setdefault(record.params[FAMILY], record)
    return best


def make_label(record: TrialRecord) -> str:
    """Make the name of a candidate in a blend: its family and its number."""
    return f"{record.params[FAMILY]}_{record.number}"


def average_fold_scores(outcome: Outcome) -> float:
    """Compute the mean score of a candidate over the folds; higher is better."""
    return average_scores((fold.test for fold in outcome.folds), None)


def release_results(
    records: Sequence[TrialRecord], is_allowed: Callable[[TrialRecord], bool] | None = None
) -> list[TrialRecord]:
    """Release the predictions and fold models of candidates that cannot enter the blend; return these candidates.

    Those beyond MAX_BLEND_CANDIDATES are kept: they move up where a better candidate takes the place of two others.
    """
    selected = {record.number for record in _select_best_of_families(records, is_allowed)}
    released = []
    for record in records:
        result = record.outcome.artifacts
        if isinstance(result, CrossFitResult) and record.number not in selected and not result.is_released:
            result.release()
            released.append(record)
    return released


class MeasuredCandidates:
    """The candidates that have been measured so far.

    Parameters
    ----------
    cost_model : CostModel
    is_allowed : callable, default=None
        As of `select_blend_candidates`.
    artifacts : Artifacts, default=None
        Where the results of a stored search are kept.

    Attributes
    ----------
    records : sequence of TrialRecord
    """

    def __init__(
        self,
        cost_model: CostModel,
        is_allowed: Callable[[TrialRecord], bool] | None = None,
        artifacts: Artifacts | None = None,
    ) -> None:
        self.records: Sequence[TrialRecord] = ()
        self.artifacts = artifacts or Artifacts()
        self._cost_model = cost_model
        self._is_allowed = is_allowed
        self._n_processed = 0

    def update(self, records: Sequence[TrialRecord]) -> None:
        """Take the records of a search so far: correct the cost model by the new ones, release what the rest hold."""
        for record in records[self._n_processed :]:
            self._cost_model.update(record)
        # The search goes on adding to these records, so their number is remembered.
        self.records, self._n_processed = records, len(records)
        for record in release_results(records, self._is_allowed):
            self.artifacts.shrink(make_candidate_key(record.params), record.outcome.artifacts)


def make_leaderboard(
    records: Sequence[TrialRecord], weights: Mapping[str, float], metric: Metric, test_over_train: float
) -> Leaderboard:
    """Make the leaderboard: a row for each measured candidate, the best first, incomplete ones last.

    Parameters
    ----------
    records : sequence of TrialRecord
    weights : mapping of str to float
        Of the blend, by label.
    metric : Metric
    test_over_train : float
        Rows in the test part of a fold, for each in its training part.
    """

    def sort_key(record: TrialRecord) -> tuple[bool, float]:
        is_complete = record.outcome.status == Status.COMPLETE
        return not is_complete, -average_fold_scores(record.outcome) if is_complete else 0.0

    measured = sorted((record for record in records if record.is_measured), key=sort_key)
    rows = [_make_row(rank, record, weights, test_over_train) for rank, record in enumerate(measured, 1)]
    objects = {"family", "params", "status", "error"}
    dtypes = {name: object if name in objects else None for name in rows[0]}
    return Leaderboard({name: np.array([row[name] for row in rows], dtype) for name, dtype in dtypes.items()}, metric)


def _make_row(rank: int, record: TrialRecord, weights: Mapping[str, float], test_over_train: float) -> dict[str, Any]:
    outcome = record.outcome
    scores = np.array([fold.test for fold in outcome.folds], dtype=float)
    mean = estimate_mean(scores, test_over_train=test_over_train)
    is_complete = outcome.status == Status.COMPLETE
    family = record.params[FAMILY]
    start = len(add_family_prefix(family, ""))
    return {
        "rank": rank,
        "number": record.number,
        "family": family,
        "params": {name[start:]: value for name, value in record.params.items() if name != FAMILY},
        "mean_score": mean.mean if is_complete else np.nan,
        "std_error": mean.std_error if is_complete else np.nan,
        "fit_seconds": sum(fold.fit_seconds for fold in outcome.folds),
        "predict_seconds": sum(fold.score_seconds for fold in outcome.folds),
        "status": str(outcome.status),
        "error": outcome.error,
        "blend_weight": weights.get(make_label(record), 0.0) if is_complete else 0.0,
    }


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


def choose_blend(table: BlendTable, refit: Any) -> int:
    """Return the position of the blend of the front that a rule chooses.

    Parameters
    ----------
    table : BlendTable
    refit : str or callable
        The name of an objective, "knee", or a function that takes ``front_`` and returns a row of it.

    Raises
    ------
    ValueError
        If the function returns no row.
    """
    rows = table.find_front()
    if callable(refit):
        row = refit(BlendFront(table.make_front()))
        if not isinstance(row, Integral) or not 0 <= int(row) < len(rows):
            raise ValueError(f"refit returned {row!r}. It has to return a row of front_, from 0 to {len(rows) - 1}.")
        return int(rows[int(row)])
    if refit == KNEE:
        return int(rows[find_knee(np.column_stack([table.scores[one.key][rows] for one in table.objectives]))])
    key = next(one.key for one in table.objectives if one.name == refit)
    return int(rows[table.make_front_scores([key])[rows, 0].argmax()])
