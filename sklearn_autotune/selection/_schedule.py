"""In which order models are tried, what there is time for, and what is worth keeping."""

import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Protocol

import numpy as np
import optuna
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from sklearn_autotune.evaluation import Outcome, PrunerState, average_scores
from sklearn_autotune.pruning._bars import FoldRacingRule
from sklearn_autotune.pruning._fold_racing import FoldRacing
from sklearn_autotune.search._refit_rules import BestMean
from sklearn_autotune.search._trial_loop import Budget, TrialRecord
from sklearn_autotune.selection._candidates import FAMILY, make_first_candidates, make_typical_candidate
from sklearn_autotune.selection._cost_model import CostModel
from sklearn_autotune.selection._cross_fit import CrossFitEvaluation

__all__ = [
    "Schedule",
    "SelectionBudget",
    "SelectionPruningRule",
    "average_fold_scores",
    "make_default_folds",
    "make_label",
    "sample_rows",
    "select_best_per_family",
    "select_blend_candidates",
    "sort_by_score",
]

# The best two of each family can enter the blend, as many as these in all; the folds' models of others are let go. What
# comes third is near the first two, having been sought there: on ten tables it brought nothing.
LEADERS_OF_EACH = 2
N_LEADERS = 6
MOST_LEADERS = 12
MAX_BLEND_SIZE = 5

# How far behind the best the first candidate of a family may be to be measured in full, as a part of the best score.
FIRST_TOLERANCE = 0.25

# Seconds that blending and what comes after it take, beside fits; no more are kept than this part of what a candidate
# may take.
AFTERWARDS = 0.5
AFTERWARDS_PART = 0.2

# AutoGluon's patience by rows: after so many candidates without a better one the search ends.
PATIENCE = ((100, 4), (500, 8), (2500, 15), (10_000, 40), (100_000, 100))
AMPLE_PATIENCE = 100

# What is asked after so many candidates in a row for which there was no time would not be in time either.
MOST_LATE = 3

# Candidates see all rows if so many families, or all, are in reach on three folds; else fewer. On tables of 7,000 to
# 229,000 rows, in 5 to 30 seconds, two or three of them on all rows did better than seven on a sample.
N_IN_REACH = 4
MIN_ROWS = 2000
FEWEST_FOLDS = 3

# A candidate that takes less than this part of what one may take takes next to nothing.
QUICK_PART = 0.05

# A family of which one candidate would take more than this part of the whole budget is left out.
MAX_FAMILY_SHARE = 0.3


def make_default_folds(y: np.ndarray, is_classification: bool, seed: int, *, may_lack_classes: bool) -> Any:
    """Return the folds that are drawn where ``cv`` leaves them open: the fewer, the more rows there are.

    ``may_lack_classes`` says that a fold's test rows can be scored without all classes. Else there are no more folds
    than rows of the rarest class.
    """
    n_folds = next((folds for rows, folds in ((3000, 8), (20_000, 5)) if len(y) < rows), FEWEST_FOLDS)
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
    """Return the rows to measure on: all of them, unless a short budget meets a large table."""
    y = full_fit.task.y
    n_rows = len(y)
    usual = [make_typical_candidate(family, full_fit.shape(n_rows)) for family in full_fit.families.values()]
    while timeout is not None and n_rows > MIN_ROWS:
        cost_model = CostModel(full_fit.families, full_fit.shape, n_rows, FEWEST_FOLDS, MAX_FAMILY_SHARE * timeout)
        if sum(map(cost_model.is_affordable, usual)) >= min(N_IN_REACH, len(usual)):
            break
        n_rows = max(MIN_ROWS, int(n_rows * 0.7))
    if n_rows >= len(y):
        return np.arange(len(y))
    is_stratified = full_fit.classes is not None and np.unique(y, return_counts=True)[1].min() > 1
    stratify = y if is_stratified else None
    rows, _ = train_test_split(np.arange(len(y)), train_size=n_rows, random_state=seed, stratify=stratify)
    return np.sort(rows)


def sort_by_score(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the complete candidates, those with the best mean scores first."""
    complete = [record for record in records if record.outcome.status == "complete"]
    return sorted(complete, key=lambda record: -average_fold_scores(record.outcome))


def select_blend_candidates(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the candidates that can enter the blend: the best ones, and the best of each family; the best first."""
    counts: Counter[str] = Counter()
    wanted: list[TrialRecord] = []
    for record in sort_by_score(records):
        counts[record.params[FAMILY]] += 1
        n_of_family = counts[record.params[FAMILY]]
        if n_of_family == 1 or (n_of_family <= LEADERS_OF_EACH and len(wanted) < N_LEADERS):
            wanted.append(record)
    return wanted[:MOST_LEADERS]


def select_best_per_family(records: Sequence[TrialRecord]) -> dict[str, TrialRecord]:
    """Return each family's best complete candidate, the best first."""
    best: dict[str, TrialRecord] = {}
    for record in sort_by_score(records):
        best.setdefault(record.params[FAMILY], record)
    return best


def make_label(record: TrialRecord) -> str:
    """Return a candidate's name in a blend: its family and its number."""
    return f"{record.params[FAMILY]}_{record.number}"


def average_fold_scores(outcome: Outcome) -> float:
    """Return a candidate's mean score over the folds; higher is better."""
    return average_scores((fold.test for fold in outcome.folds), None)


def _quick_ones_first(cost_model: CostModel) -> list[list[dict[str, Any]]]:
    """Return the families' first candidates: of those that take next to nothing first, else as in the catalogue."""
    shape = cost_model.shape(cost_model.n_train)
    of_each = [make_first_candidates(family, shape) for family in cost_model.families.values()]
    if cost_model.max_candidate_seconds is None:
        return of_each
    most = QUICK_PART * cost_model.max_candidate_seconds
    seconds = [
        cost_model.estimate_seconds(make_typical_candidate(family, shape)) for family in cost_model.families.values()
    ]
    order = sorted(range(len(of_each)), key=lambda place: seconds[place] if seconds[place] < most else most)
    return [of_each[place] for place in order]


class SecondLayerEstimate(Protocol):
    """What a plan has to know of the models that are fitted on the others' predictions."""

    def select_base_records(self, records: Sequence[TrialRecord]) -> list[TrialRecord]:
        """Return the candidates whose predictions it would look at."""
        ...

    def seconds(self, records: Sequence[TrialRecord]) -> float:
        """Foresee how long measuring it will take."""
        ...


class Schedule:
    """Proposes the families' first candidates, as long as there is time for them.

    First one of each family, those that take next to nothing before others; then the others, first of those families
    that have done best so far. What the sampler proposes comes after that. Looked at before each candidate, it also
    lets go of what cannot enter the blend any more.

    Parameters
    ----------
    cost_model : CostModel
    deadline : float or None
        ``time.time()`` at which all has to be over.
    n_rows : int
        Rows that the winners will be fitted on.
    refits_all : bool
        Whether the folds' models, having seen too few rows, are no use in the end.
    second_layer : SecondLayerEstimate or None, default=None
        What comes after the search, and needs time too.
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
        turns = zip_longest(*_quick_ones_first(cost_model))
        self.open = [(turn, candidate) for turn, row in enumerate(turns) for candidate in row if candidate is not None]
        self.n_known = 0
        self.records: Sequence[TrialRecord] = ()

    def __call__(self, records: Sequence[TrialRecord], place: int) -> Mapping[str, Any] | None:
        """Propose a candidate, or None."""
        self.update(records)
        rank = {name: place for place, name in enumerate(select_best_per_family(records))}

        def order(opened: tuple[int, Mapping[str, Any]]) -> tuple[int, int]:
            turn, candidate = opened
            return turn, rank.get(candidate[FAMILY], len(rank)) if turn else 0

        for opened in sorted(self.open, key=order):
            candidate = self.cost_model.raise_learning_rate(opened[1])
            if self._has_time_for(candidate, records):
                self.open.remove(opened)
                return candidate
        return None

    def patience(self, n_rows: int) -> int:
        """Return after how many candidates without a better one to stop: all families have their turn before that."""
        return len(self.open) + next((found for rows, found in PATIENCE if n_rows <= rows), AMPLE_PATIENCE)

    def update(self, records: Sequence[TrialRecord]) -> None:
        """Learn what candidates take, and let go of the models of those that are too far behind."""
        for record in records[self.n_known :]:
            self.cost_model.update(record)
        self.n_known, self.records = len(records), records
        kept = {record.number for record in select_blend_candidates(records)}
        for record in records:
            if record.outcome.kept is not None and record.number not in kept:
                record.outcome.kept.models = None

    def _has_time_for(self, candidate: Mapping[str, Any], records: Sequence[TrialRecord]) -> bool:
        if self.deadline is None:
            return True
        left = self.deadline - self.estimate_seconds_after_search(records) - time.time()
        return self.cost_model.estimate_min_seconds(candidate) < left

    def estimate_seconds_after_search(self, records: Sequence[TrialRecord]) -> float:
        """Foresee how long the second layer, blending and the final fits will take, if the best stay the best."""
        stacking = self.second_layer.seconds(records) if self.second_layer else 0.0
        return stacking + self.estimate_blend_and_refit_seconds(records)

    def estimate_blend_and_refit_seconds(self, records: Sequence[TrialRecord]) -> float:
        """Foresee how long blending and the final fits will take, if the best so far stay the best.

        The best one is always fitted; for all of them together no more time is kept than a candidate may take, since
        those for which there is none are left out of the blend.
        """
        base_records = (
            {record.number for record in self.second_layer.select_base_records(records)} if self.second_layer else set()
        )
        refits = [
            self.cost_model.estimate_refit_seconds(record, self.n_rows)
            for place, record in enumerate(sort_by_score(records))
            if (place < MAX_BLEND_SIZE or record.number in base_records) and self.is_refitted(record)
        ]
        most = self.cost_model.max_candidate_seconds or float("inf")
        return self.blend_seconds + (max(refits[0], min(sum(refits), most)) if refits else 0.0)

    @property
    def blend_seconds(self) -> float:
        """Seconds that are kept for blending and what comes after it, beside fits."""
        most = self.cost_model.max_candidate_seconds or float("inf")
        return min(AFTERWARDS, AFTERWARDS_PART * most)

    @property
    def blend_deadline(self) -> float | None:
        """When blending has to be over: it has its seconds even where a candidate has taken them."""
        return None if self.deadline is None else max(self.deadline, time.time() + self.blend_seconds)

    def is_refitted(self, record: TrialRecord) -> bool:
        """Whether a candidate's model is fitted once more, on all rows."""
        return self.refits_all or not self.cost_model.families[record.params[FAMILY]].is_bagged


@dataclass(frozen=True, slots=True)
class NearTheBest(BestMean):
    """Wants candidates complete that are near the best: they may enter the blend.

    Parameters
    ----------
    share : float
        How near: within this part of the best score.
    """

    share: float = 0.1

    def tolerance(self, best: np.ndarray) -> float:
        """Return a part of the best score."""
        return self.share * abs(float(best.mean()))


class SelectionPruningRule:
    """Lets candidates race, and the first of each family farther behind than others.

    Models of different kinds err on different rows, so the second best family often helps a blend more than the second
    best candidate of the best one.

    Parameters
    ----------
    racing : FoldRacing
    get_family : callable
        From a trial to its family's name.
    """

    report = False

    def __init__(self, racing: FoldRacing, get_family: Callable[[optuna.Trial], str]) -> None:
        self.get_family = get_family
        self.of_first = FoldRacingRule(racing, tolerance=NearTheBest(share=FIRST_TOLERANCE).tolerance)
        self.of_others = FoldRacingRule(racing, tolerance=NearTheBest().tolerance)
        self.seen: set[str] = set()

    def note(self, outcome: Outcome) -> None:
        """Take the scores of a complete candidate into account from now on."""
        self.of_first.note(outcome)
        self.of_others.note(outcome)

    def take_snapshot(self, trial: optuna.Trial) -> PrunerState:
        """Return the bar that the complete candidates set for this one."""
        family = self.get_family(trial)
        is_first = family not in self.seen
        self.seen.add(family)
        return (self.of_first if is_first else self.of_others).take_snapshot(trial)


@dataclass(slots=True)
class SelectionBudget(Budget):
    """A budget that leaves time for the final fits of all members of the blend.

    Attributes
    ----------
    estimate_reserved_seconds : callable
        How many seconds that will take.
    """

    estimate_reserved_seconds: Callable[[], float] = float
    n_late: int = field(default=0, init=False)

    def note(self, outcome: Outcome) -> None:
        """Count the candidates in a row for which there was no time."""
        self.n_late = self.n_late + 1 if outcome.status == "timeout" else 0

    @property
    def search_deadline(self) -> float | None:
        """When measuring has to be over."""
        return None if self.deadline is None else self.deadline - self.estimate_reserved_seconds()

    @property
    def is_spent(self) -> bool:
        """Whether time is up, or was too short for several candidates in a row."""
        return self.seconds_left == 0.0 or self.n_late >= MOST_LATE
