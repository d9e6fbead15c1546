"""The order in which `AutoModelSelector` measures the families' first candidates."""

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation import Task
from sklearn_autotune.evaluation._base import is_forward
from sklearn_autotune.families import Family, Shape
from sklearn_autotune.proposals._budget import StoppingRule
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._budget import TimeReserve
from sklearn_autotune.selection._candidates import FAMILY, make_first_candidates, make_typical_candidate
from sklearn_autotune.selection._cost_model import CostModel, compute_max_candidate_seconds, drop_unaffordable_families
from sklearn_autotune.selection._ranking import select_best_per_family
from sklearn_autotune.selection._second_layer import make_second_layer_estimate

__all__ = ["Schedule", "make_schedule"]

# AutoGluon's patience: up to this number of rows, the search ends after so many candidates without improvement.
PATIENCE = ((100, 4), (500, 8), (2500, 15), (10_000, 40), (100_000, 100))
MAX_PATIENCE = 100

# A candidate counts as fast if it takes less than this share of the time limit of a candidate.
FAST_SHARE = 0.05


class Schedule:
    """Proposes the families' first candidates, as long as there is time for them.

    It proposes one candidate of each family, fast families first and those that their time limit would end last, then
    the other first candidates, those of the best families so far first. After them the sampler proposes.

    Parameters
    ----------
    cost_model : CostModel
    time_reserve : TimeReserve
        The time that the stages after the search need.
    """

    def __init__(self, cost_model: CostModel, time_reserve: TimeReserve) -> None:
        self.cost_model = cost_model
        self.time_reserve = time_reserve
        rounds = zip_longest(*_make_first_candidates_per_family(cost_model))
        # Pairs of a candidate and its index among its family's first candidates.
        self.pending = [
            (index, candidate)
            for index, candidates in enumerate(rounds)
            for candidate in candidates
            if candidate is not None
        ]

    def propose(self, records: Sequence[TrialRecord]) -> Mapping[str, Any] | None:
        """Propose a candidate, or None to let the sampler propose.

        Parameters
        ----------
        records : sequence of TrialRecord
            Of the candidates measured so far.
        """
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
    """
    n_train = min(len(fold.train) for fold in task.folds)
    max_seconds = compute_max_candidate_seconds(timeout)
    cost_model = drop_unaffordable_families(CostModel(families, make_shape, n_train, len(task.folds), max_seconds))
    is_sample = n_rows > len(task.y)
    second_layer = make_second_layer_estimate(task, cost_model, timeout, is_enabled=allows_blend and not is_sample)
    # The models of folds that follow time know only the earlier rows.
    refits_all = is_sample or is_forward(task.folds)
    reserve = TimeReserve(cost_model, second_layer, deadline, n_rows, refits_all, keeps_folds, may_fit_once)
    return Schedule(cost_model, reserve)
