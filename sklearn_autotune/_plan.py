"""In which order models are tried, what there is time for, and what is worth keeping."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np

from sklearn_autotune._members import FAMILY, candidate_of, full_name
from sklearn_autotune._refit_rules import BestMean
from sklearn_autotune._trials import Budget, Record
from sklearn_autotune.evaluation import Outcome, mean_score
from sklearn_autotune.families import Family, Shape, inner_prefix

__all__ = ["Costs", "FinalBudget", "NearTheBest", "Plan", "first_candidates", "leaders", "selection_space"]

# As many candidates can enter the blend; the folds' models of others are let go.
N_LEADERS = 8
N_MEMBERS = 5

# Seconds that blending and what comes after it take, beside fits.
AFTERWARDS = 0.5

# AutoGluon's patience by rows: after so many candidates without a better one the search ends.
PATIENCE = ((100, 4), (500, 8), (2500, 15), (10_000, 40), (100_000, 100))
AMPLE_PATIENCE = 100

# A family of which one candidate would take more than this part of the whole budget is left out.
LARGEST_SHARE = 0.3


def leaders(records: Sequence[Record], most: int = N_LEADERS) -> list[Record]:
    """Return the complete candidates with the best mean scores, the best first."""
    complete = [record for record in records if record.outcome.status == "complete"]
    return sorted(complete, key=lambda record: -_mean(record.outcome))[:most]


def _mean(outcome: Outcome) -> float:
    return mean_score((fold.test for fold in outcome.folds), None)


@dataclass
class Costs:
    """Foresees how long a fit takes: what its family says, corrected by what has been measured.

    Parameters
    ----------
    families : mapping of str to Family
    shape : callable
        From a number of rows to a `Shape`.
    n_train : int
        Rows that a fold is fitted on.
    n_folds : int
    """

    families: Mapping[str, Family]
    shape: Callable[[int], Shape]
    n_train: int
    n_folds: int
    factors: dict[str, float] = field(default_factory=dict, init=False)

    def learn(self, record: Record) -> None:
        """Compare what a candidate took with what was foreseen."""
        folds = record.outcome.folds
        name = record.params[FAMILY]
        if folds and folds[0].fit_seconds > 0:
            took = float(np.mean([fold.fit_seconds + fold.score_seconds for fold in folds]))
            self.factors[name] = took / self.families[name].seconds(self.shape(self.n_train))

    def of_candidate(self, name: str) -> float:
        """Foresee the seconds that a candidate of a family takes on all folds."""
        return self.n_folds * self._of_fit(name, self.n_train)

    def of_refit(self, record: Record, n_rows: int) -> float:
        """Foresee the seconds that a measured candidate's final fit takes."""
        fitted = float(np.mean([fold.fit_seconds for fold in record.outcome.folds]))
        seconds = self.families[record.params[FAMILY]].seconds
        return fitted * seconds(self.shape(n_rows)) / seconds(self.shape(self.n_train))

    def _of_fit(self, name: str, n_rows: int) -> float:
        # How fast this machine is beside the one that the families speak of, the other families show.
        factor = self.factors.get(name, float(np.median(list(self.factors.values()) or [1.0])))
        return self.families[name].seconds(self.shape(n_rows)) * factor


class Plan:
    """Proposes the families' first candidates, family after family, as long as there is time for them.

    What the sampler proposes comes after that. Looked at before each candidate, it also lets go of what cannot enter
    the blend any more.

    Parameters
    ----------
    costs : Costs
    deadline : float or None
        ``time.time()`` at which all has to be over.
    n_rows : int
        Rows that the winners will be fitted on.
    refits_all : bool
        Whether the folds' models, having seen too few rows, are no use in the end.
    """

    def __init__(self, costs: Costs, deadline: float | None, n_rows: int, refits_all: bool) -> None:
        self.costs = costs
        self.deadline = deadline
        self.n_rows = n_rows
        self.refits_all = refits_all
        shape = costs.shape(costs.n_train)
        of_each = [first_candidates(family, shape) for family in costs.families.values()]
        self.open = [candidate for turn in zip_longest(*of_each) for candidate in turn if candidate is not None]
        self.n_known = 0
        self.known: Sequence[Record] = ()

    def __call__(self, records: Sequence[Record], place: int) -> Mapping[str, Any] | None:
        """Propose a candidate, or None."""
        self.look_at(records)
        for position, candidate in enumerate(self.open):
            if self._has_time_for(candidate, records):
                return self.open.pop(position)
        return None

    def patience(self, n_rows: int) -> int:
        """Return after how many candidates without a better one to stop: all families have their turn before that."""
        return len(self.open) + next((found for rows, found in PATIENCE if n_rows <= rows), AMPLE_PATIENCE)

    def look_at(self, records: Sequence[Record]) -> None:
        """Learn what candidates take, and let go of the models of those that are too far behind."""
        for record in records[self.n_known :]:
            self.costs.learn(record)
        self.n_known, self.known = len(records), records
        kept = {record.number for record in leaders(records)}
        for record in records:
            if record.outcome.kept is not None and record.number not in kept:
                record.outcome.kept.models = None

    def _has_time_for(self, candidate: Mapping[str, Any], records: Sequence[Record]) -> bool:
        if self.deadline is None:
            return True
        left = self.deadline - self.final_seconds(records) - time.time()
        return self.costs.of_candidate(candidate[FAMILY]) < left

    def final_seconds(self, records: Sequence[Record]) -> float:
        """Foresee how long blending and the final fits will take, if the best so far stay the best."""
        refits = [
            self.costs.of_refit(record, self.n_rows)
            for record in leaders(records, N_MEMBERS)
            if self.is_refitted(record)
        ]
        return AFTERWARDS + sum(refits)

    def is_refitted(self, record: Record) -> bool:
        """Whether a candidate's model is fitted once more, on all rows."""
        return self.refits_all or not self.costs.families[record.params[FAMILY]].is_bagged


@dataclass(frozen=True, slots=True)
class NearTheBest(BestMean):
    """Wants candidates complete that are near the best: they may enter the blend."""

    def tolerance(self, best: np.ndarray) -> float:
        """Return a tenth of the best score."""
        return 0.1 * abs(float(best.mean()))


@dataclass(slots=True)
class FinalBudget(Budget):
    """A budget that leaves time for the final fits of all members of the blend.

    Attributes
    ----------
    reserve : callable
        How many seconds that will take.
    """

    reserve: Callable[[], float] = float

    @property
    def search_deadline(self) -> float | None:
        """When measuring has to be over."""
        return None if self.deadline is None else self.deadline - self.reserve()


def selection_space(families: Mapping[str, Family], shape: Shape) -> list[dict[str, Any]]:
    """Return the space of all families: one branch for each, or several for those that have several."""
    return [
        {FAMILY: [family.name], **{full_name(family.name, name): values for name, values in branch.items()}}
        for family in families.values()
        for branch in _branches(family, shape)[0]
    ]


def _branches(family: Family, shape: Shape) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the branches of a family's space, and what its estimator is set to as it is made."""
    model = family.make(shape)  # type: ignore[misc]
    prefix = inner_prefix(family, model)
    inner = {name: value for name, value in model.get_params().items() if name.startswith(prefix)}
    set_to = {name.removeprefix(prefix): value for name, value in inner.items()}
    spelled = family.space(Shape(shape.n_rows, shape.is_classifier, set_to, shape.n_columns, shape.n_classes))
    return [spelled] if isinstance(spelled, dict) else spelled, set_to


def first_candidates(family: Family, shape: Shape) -> list[dict[str, Any]]:
    """Return a family's first candidates, made complete and moved into its space."""
    branches, set_to = _branches(family, shape)
    found: list[dict[str, Any]] = []
    for first in family.first:
        branch = next((branch for branch in branches if _has(branch, first)), branches[0])
        wanted = set_to | {name: value(shape) if callable(value) else value for name, value in first.items()}
        settings = {name: _into(wanted.get(name), values) for name, values in branch.items()}
        if candidate_of(family, settings) not in found:
            found.append(candidate_of(family, settings))
    return found


def _has(branch: Mapping[str, Any], first: Mapping[str, Any]) -> bool:
    """Whether a branch has the parameters of a first candidate, and its choices."""
    return all(
        name in branch and (not isinstance(branch[name], list | tuple) or value in branch[name])
        for name, value in first.items()
    )


def _into(value: Any, values: Any) -> Any:
    """Move a value into what is searched: to the nearest end of a range, or where it does not fit to its middle."""
    if isinstance(values, list | tuple):
        return value if value in values else values[0]
    low, high = (values.low, values.high) if hasattr(values, "low") else values.support()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return type(low)(min(max(value, low), high))
    middle = (low * high) ** 0.5 if getattr(values, "log", False) else (low + high) / 2
    return round(middle) if isinstance(low, int) else middle
