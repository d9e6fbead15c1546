"""The order in which the families' first candidates are measured, and how the time of a selection is divided."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation import Outcome, Task
from sklearn_autotune.evaluation._base import is_forward
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.families import Family, Shape
from sklearn_autotune.families._baseline import BASELINE
from sklearn_autotune.proposals._budget import Budget, StoppingRule
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._candidates import (
    FAMILY,
    CrossFitResult,
    make_first_candidates,
    make_typical_candidate,
)
from sklearn_autotune.selection._cost_model import CostModel, compute_max_candidate_seconds, drop_unaffordable_families
from sklearn_autotune.selection._ranking import MAX_BLEND_SIZE, select_best_per_family, sort_by_score
from sklearn_autotune.selection._second_layer import SecondLayerEstimate, make_second_layer_estimate

__all__ = ["Schedule", "SelectionBudget", "TimeReserve", "make_schedule"]

# AutoGluon's patience: up to this number of rows, the search ends after so many candidates without improvement.
PATIENCE = ((100, 4), (500, 8), (2500, 15), (10_000, 40), (100_000, 100))
MAX_PATIENCE = 100

# A candidate counts as fast if it takes less than this share of the time limit of a candidate.
FAST_SHARE = 0.05

# Seconds reserved for blending and the steps after it, fits apart: BLEND_SECONDS, but at most BLEND_TIME_SHARE of the
# time limit of a candidate.
BLEND_SECONDS = 0.5
BLEND_TIME_SHARE = 0.2

# Seconds reserved for measuring what the final model costs, if that is limited.
MEASUREMENT_SECONDS = 1.0

# A family whose candidates all violate a limit on costs by more than this, in parts of the bound, gets no more of its
# first candidates. Within twice the limit a smaller model may be found, and seconds differ from call to call.
MAX_VIOLATION = 1.0

# After this many candidates in a row that ran out of time, no further one would finish in time either.
MAX_OUT_OF_TIME = 3


@dataclass(frozen=True, slots=True)
class TimeReserve:
    """The time that is reserved for the stages after the search.

    Parameters
    ----------
    cost_model : CostModel
    second_layer : SecondLayerEstimate
    deadline : float or None
        Time by `clock.now` at which ``fit`` has to end.
    n_rows : int
        Number of rows of the final fits.
    refits_all : bool
        Whether every chosen candidate is fitted again, since candidates were measured on a sample or on earlier rows.
    keeps_folds : bool, default=False
        Whether the chosen candidates' models of the folds are kept, so that those that were let go are fitted again.
    may_fit_once : bool, default=False
        Whether a candidate may be fitted on all rows in place of averaging its models of the folds, because of limits.
    """

    cost_model: CostModel
    second_layer: SecondLayerEstimate
    deadline: float | None
    n_rows: int
    refits_all: bool
    keeps_folds: bool = False
    may_fit_once: bool = False

    def estimate_seconds_after_search(self, records: Sequence[TrialRecord]) -> float:
        """Estimate the seconds of second layer, blending and final fits, if the best so far stay the best."""
        seconds = self.second_layer.estimate_seconds(records)
        return seconds + self.estimate_blend_and_refit_seconds(records)

    def estimate_blend_and_refit_seconds(self, records: Sequence[TrialRecord]) -> float:
        """Estimate the seconds of blending and final fits, if the best candidates so far stay the best.

        The best candidate is always fitted. For all final fits together, at most the time limit of a candidate is
        reserved: candidates for which no time is left are not part of the blend.
        """
        base_numbers = {record.number for record in self.second_layer.select_base_records(records)}
        needed = [
            record
            for rank, record in enumerate(sort_by_score(records))
            if rank < MAX_BLEND_SIZE or record.number in base_numbers
        ]
        refits = [
            self.estimate_fit_seconds(record)
            for record in needed
            if self.may_fit_once or self.is_refitted(record) or _has_lost_models(record)
        ]
        max_seconds = self.cost_model.max_candidate_seconds or float("inf")
        seconds = self.blend_seconds + (max(refits[0], min(sum(refits), max_seconds)) if refits else 0.0)
        return seconds + (self._estimate_fold_fits(records, needed) if self.keeps_folds else 0.0)

    def _estimate_fold_fits(self, records: Sequence[TrialRecord], needed: Sequence[TrialRecord]) -> float:
        """Estimate the seconds of fitting again, on each fold, what is not kept of the candidates that are needed."""
        lost = [record for record in needed if not record.outcome.artifacts.models]
        seconds = sum(fold.fit_seconds for record in lost for fold in record.outcome.folds)
        return seconds + self.second_layer.estimate_seconds(records)

    @property
    def blend_seconds(self) -> float:
        """Seconds reserved for blending and the steps after it, fits apart."""
        max_seconds = self.cost_model.max_candidate_seconds or float("inf")
        seconds = BLEND_SECONDS + (MEASUREMENT_SECONDS if self.may_fit_once else 0.0)
        return min(seconds, BLEND_TIME_SHARE * max_seconds)

    def compute_second_layer_deadline(self, records: Sequence[TrialRecord]) -> float | None:
        """Compute when measuring the second layer has to end."""
        return None if self.deadline is None else self.deadline - self.estimate_blend_and_refit_seconds(records)

    @property
    def blend_deadline(self) -> float | None:
        """When blending has to end. It gets its seconds even if a candidate has overrun the time limit."""
        return None if self.deadline is None else max(self.deadline, clock.now() + self.blend_seconds)

    def is_refitted(self, record: TrialRecord) -> bool:
        """Whether a chosen candidate is fitted once more, on all rows, instead of averaging its fold models."""
        return self.refits_all or not self.cost_model.families[record.params[FAMILY]].is_bagged

    def estimate_fit_seconds(self, record: TrialRecord) -> float:
        """Estimate the seconds of a candidate's final fit: on all rows, or of its fold models that have been lost."""
        if self.may_fit_once or self.is_refitted(record):
            return self.cost_model.estimate_refit_seconds(record, self.n_rows)
        return sum(fold.fit_seconds for fold in record.outcome.folds)


def _has_lost_models(record: TrialRecord) -> bool:
    return isinstance(record.outcome.artifacts, CrossFitResult) and record.outcome.artifacts.has_lost_models


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
        self.n_out_of_time = self.n_out_of_time + 1 if outcome.status == Status.TIMEOUT else 0

    @property
    def search_deadline(self) -> float | None:
        """When measuring has to end."""
        return None if self.deadline is None else self.deadline - self.estimate_reserved_seconds()

    @property
    def is_spent(self) -> bool:
        """Whether time is up, or several candidates in a row ran out of time."""
        return self.seconds_left == 0.0 or self.n_out_of_time >= MAX_OUT_OF_TIME


class Schedule:
    """Proposes the families' first candidates, as long as there is time for them.

    It proposes one candidate of each family, fast families first and those that their time limit would end last, then
    the other first candidates, those of the best families so far first. After them the sampler proposes.

    Parameters
    ----------
    cost_model : CostModel
    time_reserve : TimeReserve
        The time that the stages after the search need.
    find_violations : callable or None, default=None
        How far a measured candidate is from the limits on costs, if there are some.
    """

    def __init__(
        self,
        cost_model: CostModel,
        time_reserve: TimeReserve,
        find_violations: Callable[[Outcome], Mapping[str, float]] | None = None,
    ) -> None:
        self.cost_model = cost_model
        self.time_reserve = time_reserve
        self.find_violations = find_violations
        rounds = zip_longest(*_make_first_candidates_per_family(cost_model))
        # Pairs of a candidate and its index among its family's first candidates.
        self.pending = [
            (index, candidate)
            for index, candidates in enumerate(rounds)
            for candidate in candidates
            if candidate is not None
        ]

    @property
    def first_candidates(self) -> list[Mapping[str, Any]]:
        """The first candidates that are not proposed yet, in the order of their turns."""
        return [candidate for _, candidate in sorted(self.pending, key=lambda entry: entry[0])]

    def reorder(self, candidates: Sequence[Mapping[str, Any]]) -> None:
        """Propose the first candidates in this order."""
        self.pending = list(enumerate(candidates))

    def propose(self, records: Sequence[TrialRecord]) -> Mapping[str, Any] | None:
        """Propose a candidate, or None to let the sampler propose.

        Parameters
        ----------
        records : sequence of TrialRecord
            Of the candidates measured so far.
        """
        if not self.pending:
            return None
        # A search that goes on from stored trials has measured some of them.
        measured = [record.params for record in records]
        self.pending = [entry for entry in self.pending if entry[1] not in measured]
        ranks = {name: rank for rank, name in enumerate(select_best_per_family(records))}

        def sort_key(entry: tuple[int, Mapping[str, Any]]) -> tuple[int, int]:
            index, candidate = entry
            return index, ranks.get(candidate[FAMILY], len(ranks)) if index else 0

        too_costly = self._find_too_costly_families(records)
        for entry in sorted(self.pending, key=sort_key):
            if entry[1][FAMILY] in too_costly:
                continue
            candidate = self.cost_model.raise_learning_rate(entry[1])
            if candidate not in measured and self._has_time_for(candidate, records):
                self.pending.remove(entry)
                return candidate
        return None

    def meets_limits(self, outcome: Outcome) -> bool:
        """Whether a candidate alone keeps to the limits on costs, as far as its costs are known."""
        return self.find_violations is None or max(self.find_violations(outcome).values(), default=0.0) <= 0

    def _find_too_costly_families(self, records: Sequence[TrialRecord]) -> set[str]:
        """Return the families whose candidates are all far beyond a limit on costs; none if those of all families are.

        The baseline, which meets almost any limit, does not count.
        """
        if self.find_violations is None:
            return set()
        found: dict[bool, set[str]] = {False: set(), True: set()}
        for record in sort_by_score(records):
            if record.params[FAMILY] != BASELINE.name:
                violations = self.find_violations(record.outcome).values()
                found[max(violations, default=0.0) > MAX_VIOLATION].add(record.params[FAMILY])
        return found[True] - found[False] if found[False] else set()

    def compute_patience(self, n_rows: int) -> int:
        """Compute the patience for this number of rows; it never ends the search before all first candidates."""
        return len(self.pending) + next((patience for rows, patience in PATIENCE if n_rows <= rows), MAX_PATIENCE)

    def make_stopping_rule(self, patience: int | str | None, n_rows: int) -> StoppingRule:
        """Make the rule that ends the search after a number of candidates without improvement."""
        return StoppingRule(self.compute_patience(n_rows) if isinstance(patience, str) else patience)

    def _has_time_for(self, candidate: Mapping[str, Any], records: Sequence[TrialRecord]) -> bool:
        deadline = self.time_reserve.deadline
        if deadline is None:
            return True
        seconds_left = deadline - self.time_reserve.estimate_seconds_after_search(records) - clock.now()
        return self.cost_model.estimate_min_seconds(candidate) < seconds_left


def _make_first_candidates_per_family(cost_model: CostModel) -> list[list[dict[str, Any]]]:
    """Make the first candidates of each family: fast families first, those that cannot be measured in full last.

    The families between are in the order of the catalogue.
    """
    shape = cost_model.make_shape(cost_model.n_train)
    candidates = [make_first_candidates(family, shape) for family in cost_model.families.values()]
    if cost_model.max_candidate_seconds is None:
        return candidates
    max_seconds = FAST_SHARE * cost_model.max_candidate_seconds
    typical = [make_typical_candidate(family, shape) for family in cost_model.families.values()]

    def sort_key(index: int) -> tuple[bool, float]:
        return cost_model.is_too_slow(typical[index]), min(cost_model.estimate_seconds(typical[index]), max_seconds)

    return [candidates[index] for index in sorted(range(len(candidates)), key=sort_key)]


def make_schedule(
    task: Task,
    families: Mapping[str, Family],
    make_shape: Callable[[int], Shape],
    timeout: float | None,
    deadline: float | None,
    *,
    n_rows: int,
    allows_blend: bool,
    keeps_folds: bool = False,
    may_fit_once: bool = False,
    find_violations: Callable[[Outcome], Mapping[str, float]] | None = None,
) -> Schedule:
    """Make the schedule of a selection, with its cost model and the time that is reserved for later stages.

    Parameters
    ----------
    task : Task
        What candidates are measured on: all rows, or a sample.
    families : mapping of str to Family
    make_shape : callable
        From a number of rows to a `Shape`.
    timeout : float or None
        Seconds for the whole ``fit``.
    deadline : float or None
        Time by `clock.now` at which ``fit`` has to end.
    n_rows : int
        Number of rows of the final fits.
    allows_blend : bool
        Whether candidates may be blended, so that there may be a second layer.
    keeps_folds : bool, default=False
        Whether models of the folds are kept.
    may_fit_once : bool, default=False
        As of `TimeReserve`.
    find_violations : callable or None, default=None
        As of `Schedule`.
    """
    n_train = min(len(fold.train) for fold in task.folds)
    max_seconds = compute_max_candidate_seconds(timeout, len(task.folds))
    cost_model = drop_unaffordable_families(CostModel(families, make_shape, n_train, len(task.folds), max_seconds))
    is_sample = n_rows > len(task.y)
    is_enabled = allows_blend and not is_sample and len(task.folds) > 1
    second_layer = make_second_layer_estimate(task, cost_model, timeout, is_enabled=is_enabled)
    # The models of folds that follow time know only the earlier rows.
    refits_all = is_sample or is_forward(task.folds)
    reserve = TimeReserve(cost_model, second_layer, deadline, n_rows, refits_all, keeps_folds, may_fit_once)
    return Schedule(cost_model, reserve, find_violations)
