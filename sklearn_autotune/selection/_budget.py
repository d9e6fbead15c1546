"""How the time of a selection is divided: the search, the second layer, blending, and the final fits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation import Outcome
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.proposals._budget import Budget
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._candidates import FAMILY, CrossFitResult
from sklearn_autotune.selection._cost_model import CostModel
from sklearn_autotune.selection._ranking import MAX_BLEND_SIZE, sort_by_score
from sklearn_autotune.selection._second_layer import SecondLayerEstimate

__all__ = ["SelectionBudget", "TimeReserve"]

# Seconds reserved for blending and the steps after it, fits apart: BLEND_SECONDS, but at most BLEND_TIME_SHARE of the
# time limit of a candidate.
BLEND_SECONDS = 0.5
BLEND_TIME_SHARE = 0.2

# Seconds reserved for measuring what the final model costs, if that is limited.
MEASUREMENT_SECONDS = 1.0

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
