"""The schedule of AutoModelSelector: the order of candidates, the time reserved for later stages, budget."""

import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Protocol

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from sklearn_autotune.evaluation import Outcome, average_scores
from sklearn_autotune.families import Family
from sklearn_autotune.search._trial_loop import Budget, TrialRecord
from sklearn_autotune.selection._candidates import FAMILY, make_first_candidates, make_typical_candidate
from sklearn_autotune.selection._cost_model import CostModel
from sklearn_autotune.selection._cross_fit import CrossFitEvaluation

__all__ = [
    "Schedule",
    "SelectionBudget",
    "average_fold_scores",
    "make_default_folds",
    "make_label",
    "sample_rows",
    "select_affordable_families",
    "select_best_per_family",
    "select_blend_candidates",
    "sort_by_score",
]

# The best two candidates of a family can enter the blend: the second ones up to N_BLEND_CANDIDATES, the best ones up to
# MAX_BLEND_CANDIDATES. The fold models of all other candidates are dropped. The third best is similar to the first two,
# since the sampler found it near them: on ten tables it brought nothing.
MAX_PER_FAMILY = 2
N_BLEND_CANDIDATES = 6
MAX_BLEND_CANDIDATES = 12
MAX_BLEND_SIZE = 5

# Seconds reserved for blending and the steps after it, fits apart: BLEND_SECONDS, but at most BLEND_TIME_SHARE of the
# time limit of a candidate.
BLEND_SECONDS = 0.5
BLEND_TIME_SHARE = 0.2

# AutoGluon's patience: up to this number of rows, the search ends after so many candidates without improvement.
PATIENCE = ((100, 4), (500, 8), (2500, 15), (10_000, 40), (100_000, 100))
MAX_PATIENCE = 100

# After this many candidates in a row that ran out of time, no further one would finish in time either.
MAX_OUT_OF_TIME = 3

# Candidates are measured on all rows if at least this many families, or all of them, can be measured in time on
# MIN_FOLDS folds; otherwise on a sample of at least MIN_ROWS rows. On tables of 7,000 to 229,000 rows, with 5 to 30
# seconds, two or three families on all rows did better than seven on a sample.
MIN_AFFORDABLE_FAMILIES = 4
MIN_ROWS = 2000
MIN_FOLDS = 3

# A candidate counts as fast if it takes less than this share of the time limit of a candidate.
FAST_SHARE = 0.05

# The time limit of one candidate as a share of the timeout; families that need more are left out.
MAX_FAMILY_SHARE = 0.3


def make_default_folds(y: np.ndarray, is_classification: bool, seed: int, *, may_lack_classes: bool) -> Any:
    """Make the folds that are used if ``cv`` is None: fewer folds for more rows.

    ``may_lack_classes`` says that a fold's test rows can be scored without all classes. Otherwise there are at most as
    many folds as the rarest class has rows.
    """
    n_folds = next((folds for rows, folds in ((3000, 8), (20_000, 5)) if len(y) < rows), MIN_FOLDS)
    if not is_classification:
        return KFold(min(n_folds, len(y)), shuffle=True, random_state=seed)
    counts = np.unique(y, return_counts=True)[1]
    rarest = int(counts.min())
    if may_lack_classes and rarest < n_folds <= counts.max():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class")
            return list(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(y, y))
    return StratifiedKFold(int(np.clip(rarest, 2, n_folds)), shuffle=True, random_state=seed)


def sample_rows(full_fit: CrossFitEvaluation, timeout: float | None, seed: int) -> np.ndarray:
    """Return the rows that candidates are measured on: all, or a sample if the timeout is short for the table."""
    y = full_fit.task.y
    n_rows = len(y)
    typical = [make_typical_candidate(family, full_fit.make_shape(n_rows)) for family in full_fit.families.values()]
    while timeout is not None and n_rows > MIN_ROWS:
        cost_model = CostModel(full_fit.families, full_fit.make_shape, n_rows, MIN_FOLDS, MAX_FAMILY_SHARE * timeout)
        if sum(map(cost_model.is_affordable, typical)) >= min(MIN_AFFORDABLE_FAMILIES, len(typical)):
            break
        n_rows = max(MIN_ROWS, int(n_rows * 0.7))
    if n_rows >= len(y):
        return np.arange(len(y))
    is_stratified = full_fit.classes is not None and np.unique(y, return_counts=True)[1].min() > 1
    stratify = y if is_stratified else None
    rows, _ = train_test_split(np.arange(len(y)), train_size=n_rows, random_state=seed, stratify=stratify)
    return np.sort(rows)


def select_affordable_families(cost_model: CostModel) -> Mapping[str, Family]:
    """Return the families whose typical candidate fits into the time limit of a candidate; if none does, all."""
    if cost_model.max_candidate_seconds is None:
        return cost_model.families
    shape = cost_model.make_shape(cost_model.n_train)
    affordable = {}
    for name, family in cost_model.families.items():
        candidate = cost_model.raise_learning_rate(make_typical_candidate(family, shape))
        if cost_model.estimate_seconds(candidate) <= cost_model.max_candidate_seconds:
            affordable[name] = family
    return affordable or cost_model.families


def sort_by_score(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the complete candidates, sorted from the best mean score to the worst."""
    complete = [record for record in records if record.outcome.status == "complete"]
    return sorted(complete, key=lambda record: -average_fold_scores(record.outcome))


def select_blend_candidates(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the candidates that can enter the blend, the best first: the best of each family and some second ones."""
    counts: Counter[str] = Counter()
    selected: list[TrialRecord] = []
    for record in sort_by_score(records):
        counts[record.params[FAMILY]] += 1
        n_in_family = counts[record.params[FAMILY]]
        if n_in_family == 1 or (n_in_family <= MAX_PER_FAMILY and len(selected) < N_BLEND_CANDIDATES):
            selected.append(record)
    return selected[:MAX_BLEND_CANDIDATES]


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


def _make_first_candidates_per_family(cost_model: CostModel) -> list[list[dict[str, Any]]]:
    """Make the first candidates of each family: fast families first, the others in the order of the catalogue."""
    shape = cost_model.make_shape(cost_model.n_train)
    candidates = [make_first_candidates(family, shape) for family in cost_model.families.values()]
    if cost_model.max_candidate_seconds is None:
        return candidates
    max_seconds = FAST_SHARE * cost_model.max_candidate_seconds
    seconds = [
        cost_model.estimate_seconds(make_typical_candidate(family, shape)) for family in cost_model.families.values()
    ]
    order = sorted(
        range(len(candidates)), key=lambda index: seconds[index] if seconds[index] < max_seconds else max_seconds
    )
    return [candidates[index] for index in order]


class SecondLayerEstimate(Protocol):
    """What the schedule has to know about the second layer, whose models are fitted on the predictions of others."""

    def select_base_records(self, records: Sequence[TrialRecord]) -> list[TrialRecord]:
        """Return the candidates whose predictions the second layer would use."""
        ...

    def estimate_seconds(self, records: Sequence[TrialRecord]) -> float:
        """Estimate the seconds that measuring the second layer takes."""
        ...


class Schedule:
    """Proposes the families' first candidates, as long as there is time for them.

    It proposes one candidate of each family, fast families first, then the other first candidates, those of the best
    families so far first. After them the sampler proposes. Before each candidate the schedule also drops the fold
    models of candidates that cannot enter the blend any more.

    Parameters
    ----------
    cost_model : CostModel
    deadline : float or None
        ``time.time()`` at which ``fit`` has to end.
    n_rows : int
        Number of rows of the final fits.
    refits_all : bool
        Whether every chosen candidate is fitted again, since candidates were measured on a sample.
    second_layer : SecondLayerEstimate or None, default=None
        The stage after the search, for which time is reserved.
    """

    def __init__(
        self,
        cost_model: CostModel,
        deadline: float | None,
        n_rows: int,
        refits_all: bool,
        second_layer: SecondLayerEstimate | None = None,
    ) -> None:
        self.cost_model = cost_model
        self.deadline = deadline
        self.n_rows = n_rows
        self.refits_all = refits_all
        self.second_layer = second_layer
        rounds = zip_longest(*_make_first_candidates_per_family(cost_model))
        # Pairs of a candidate and its index among its family's first candidates.
        self.pending = [
            (index, candidate)
            for index, candidates in enumerate(rounds)
            for candidate in candidates
            if candidate is not None
        ]
        self.n_processed = 0
        self.records: Sequence[TrialRecord] = ()

    def __call__(self, records: Sequence[TrialRecord], index: int) -> Mapping[str, Any] | None:
        """Propose a candidate, or None to let the sampler propose."""
        self.update(records)
        ranks = {name: rank for rank, name in enumerate(select_best_per_family(records))}

        def sort_key(entry: tuple[int, Mapping[str, Any]]) -> tuple[int, int]:
            index, candidate = entry
            return index, ranks.get(candidate[FAMILY], len(ranks)) if index else 0

        for entry in sorted(self.pending, key=sort_key):
            candidate = self.cost_model.raise_learning_rate(entry[1])
            if self._has_time_for(candidate, records):
                self.pending.remove(entry)
                return candidate
        return None

    def compute_patience(self, n_rows: int) -> int:
        """Compute the patience for this number of rows; it never ends the search before all first candidates."""
        return len(self.pending) + next((patience for rows, patience in PATIENCE if n_rows <= rows), MAX_PATIENCE)

    def update(self, records: Sequence[TrialRecord]) -> None:
        """Update the cost model, and drop the fold models of candidates that cannot enter the blend."""
        for record in records[self.n_processed :]:
            self.cost_model.update(record)
        self.n_processed, self.records = len(records), records
        selected = {record.number for record in select_blend_candidates(records)}
        for record in records:
            if record.outcome.artifacts is not None and record.number not in selected:
                record.outcome.artifacts.models = None

    def _has_time_for(self, candidate: Mapping[str, Any], records: Sequence[TrialRecord]) -> bool:
        if self.deadline is None:
            return True
        seconds_left = self.deadline - self.estimate_seconds_after_search(records) - time.time()
        return self.cost_model.estimate_min_seconds(candidate) < seconds_left

    def estimate_seconds_after_search(self, records: Sequence[TrialRecord]) -> float:
        """Estimate the seconds of second layer, blending and final fits, if the best so far stay the best."""
        seconds = self.second_layer.estimate_seconds(records) if self.second_layer else 0.0
        return seconds + self.estimate_blend_and_refit_seconds(records)

    def estimate_blend_and_refit_seconds(self, records: Sequence[TrialRecord]) -> float:
        """Estimate the seconds of blending and final fits, if the best candidates so far stay the best.

        The best candidate is always fitted. For all final fits together, at most the time limit of a candidate is
        reserved: candidates for which no time is left are not part of the blend.
        """
        base_numbers = (
            {record.number for record in self.second_layer.select_base_records(records)} if self.second_layer else set()
        )
        refits = [
            self.cost_model.estimate_refit_seconds(record, self.n_rows)
            for rank, record in enumerate(sort_by_score(records))
            if (rank < MAX_BLEND_SIZE or record.number in base_numbers) and self.is_refitted(record)
        ]
        max_seconds = self.cost_model.max_candidate_seconds or float("inf")
        return self.blend_seconds + (max(refits[0], min(sum(refits), max_seconds)) if refits else 0.0)

    @property
    def blend_seconds(self) -> float:
        """Seconds reserved for blending and the steps after it, fits apart."""
        max_seconds = self.cost_model.max_candidate_seconds or float("inf")
        return min(BLEND_SECONDS, BLEND_TIME_SHARE * max_seconds)

    def compute_second_layer_deadline(self, records: Sequence[TrialRecord]) -> float | None:
        """Compute when measuring the second layer has to end."""
        return None if self.deadline is None else self.deadline - self.estimate_blend_and_refit_seconds(records)

    @property
    def blend_deadline(self) -> float | None:
        """When blending has to end. It gets its seconds even if a candidate has overrun the time limit."""
        return None if self.deadline is None else max(self.deadline, time.time() + self.blend_seconds)

    def is_refitted(self, record: TrialRecord) -> bool:
        """Whether a chosen candidate is fitted once more, on all rows, instead of averaging its fold models."""
        return self.refits_all or not self.cost_model.families[record.params[FAMILY]].is_bagged


@dataclass(slots=True)
class SelectionBudget(Budget):
    """A budget that reserves time for second layer, blending and final fits.

    Attributes
    ----------
    estimate_reserved_seconds : callable
        Estimates the seconds of these stages.
    """

    estimate_reserved_seconds: Callable[[], float] = float
    n_out_of_time: int = field(default=0, init=False)

    def add_outcome(self, outcome: Outcome) -> None:
        """Count the candidates in a row that ran out of time."""
        self.n_out_of_time = self.n_out_of_time + 1 if outcome.status == "timeout" else 0

    @property
    def search_deadline(self) -> float | None:
        """When measuring has to end."""
        return None if self.deadline is None else self.deadline - self.estimate_reserved_seconds()

    @property
    def is_spent(self) -> bool:
        """Whether time is up, or several candidates in a row ran out of time."""
        return self.seconds_left == 0.0 or self.n_out_of_time >= MAX_OUT_OF_TIME
