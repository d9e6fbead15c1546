"""Estimates of how long candidates take."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sklearn_autotune.boosting._early_stopping import MIN_TIME_SHARE
from sklearn_autotune.families import Family, Shape
from sklearn_autotune.families._baseline import BASELINE
from sklearn_autotune.inference._feature_generator import MAX_GENERATED
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._candidates import (
    FAMILY,
    TARGET,
    UNCHANGED,
    get_settings,
    make_typical_candidate,
    replace_setting,
    uses_generated,
)

__all__ = ["CostModel", "compute_max_candidate_seconds", "drop_unaffordable_families"]

# A model with a transformed target is also fitted for the residuals on three folds, each with two thirds of the rows.
TRANSFORMED_FITS = 3.0

# All boosting libraries use this name.
LEARNING_RATE = "learning_rate"

# The share of its time limit that a candidate with a raised learning rate should take: not all of a fit gets faster.
TARGET_TIME_SHARE = 0.9

# The time limit of one candidate as a share of the timeout; families that need more are left out. On a table so large
# that candidates are measured on one fold, most of the time is for the best one.
MAX_FAMILY_SHARE = 0.3
MAX_SHARE_OF_ONE_FOLD = 0.5


def compute_max_candidate_seconds(timeout: float | None, n_folds: int) -> float | None:
    """Compute the time limit of one candidate from the seconds of the whole ``fit``; None is no limit."""
    return None if timeout is None else (MAX_FAMILY_SHARE if n_folds > 1 else MAX_SHARE_OF_ONE_FOLD) * timeout


@dataclass(frozen=True)
class CostModel:
    """Estimates how long a fit takes: the family's own estimate, corrected by measured times.

    Parameters
    ----------
    families : mapping of str to Family
    make_shape : callable
        From a number of rows to a `Shape`.
    n_train : int
        Rows that a fold is fitted on.
    n_folds : int
    max_candidate_seconds : float or None, default=None
        Time limit of one candidate. Boosters with early stopping end there; None is no limit.
    """

    families: Mapping[str, Family]
    make_shape: Callable[[int], Shape]
    n_train: int
    n_folds: int
    max_candidate_seconds: float | None = None
    correction_factors: dict[str, float] = field(default_factory=dict, init=False)

    def update(self, record: TrialRecord) -> None:
        """Correct the estimates by what a candidate took. The baseline is ignored: it fits nothing."""
        folds = record.outcome.folds
        name = record.params[FAMILY]
        if name != BASELINE.name and folds and folds[0].fit_seconds > 0:
            measured_seconds = float(np.mean([fold.fit_seconds + fold.score_seconds for fold in folds]))
            factor = measured_seconds / self._estimate_fit_seconds(record.params, self.n_train)
            # The factor rises at once and falls slowly: a family's candidates differ more than its estimates do.
            self.correction_factors[name] = max(factor, (factor + self.correction_factors.get(name, factor)) / 2)

    def can_end_in_time(self, candidate: Mapping[str, Any], n_rows: int, seconds: float) -> bool:
        """Whether one fit on so many rows can end in time: boosters can, others if the family estimates that."""
        is_cut = self.families[candidate[FAMILY]].rounds is not None
        return is_cut or self._estimate_fit_seconds(candidate, n_rows) <= seconds

    def estimate_seconds(self, candidate: Mapping[str, Any]) -> float:
        """Estimate the seconds that a candidate takes on all folds."""
        seconds = self._estimate_seconds_without_limit(candidate)
        return min(seconds, self.max_candidate_seconds or seconds) if self._can_be_shortened(candidate) else seconds

    def estimate_min_seconds(self, candidate: Mapping[str, Any]) -> float:
        """Estimate the seconds below which a candidate is not worth starting."""
        return self.estimate_seconds(candidate) * self._get_min_time_share(candidate)

    def raise_learning_rate(self, candidate: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raise the learning rate of a boosting candidate that would exceed its time limit.

        It then needs fewer rounds. With the old rate it would end at the limit, further from its best score.
        """
        rate = get_settings(candidate).get(LEARNING_RATE)
        if rate is None or self.max_candidate_seconds is None:
            return candidate
        excess = self._estimate_seconds_without_limit(candidate) / (TARGET_TIME_SHARE * self.max_candidate_seconds)
        if excess <= 1.0:
            return candidate
        family, shape = self.families[candidate[FAMILY]], self.make_shape(self.n_train)
        faster = replace_setting(family, shape, candidate, LEARNING_RATE, rate * excess)
        is_faster = self._estimate_fit_seconds(faster, self.n_train) < self._estimate_fit_seconds(
            candidate, self.n_train
        )
        return faster if is_faster else candidate

    def is_affordable(self, candidate: Mapping[str, Any]) -> bool:
        """Whether a candidate fits into its time limit, with a raised learning rate or a small cut if necessary."""
        seconds = self._estimate_seconds_without_limit(self.raise_learning_rate(candidate))
        min_seconds = seconds * self._get_min_time_share(candidate)
        return self.max_candidate_seconds is None or min_seconds <= self.max_candidate_seconds

    def is_too_slow(self, candidate: Mapping[str, Any]) -> bool:
        """Whether a candidate would need more than its time limit."""
        limit = self.max_candidate_seconds
        return limit is not None and self._estimate_seconds_without_limit(candidate) > limit

    def get_correction_factor(self, name: str) -> float:
        """Return the ratio of measured to estimated time; for a family not yet measured, the median of the others.

        Where nothing ends a fit that takes too long, this is 1 at least: early stopping makes boosters quick, and says
        nothing of other models.
        """
        factor = float(np.median(list(self.correction_factors.values()) or [1.0]))
        is_cut = name in self.families and self.families[name].rounds is not None
        return self.correction_factors.get(name, factor if is_cut else max(1.0, factor))

    def estimate_refit_seconds(self, record: TrialRecord, n_rows: int) -> float:
        """Estimate the seconds of the final fit of a measured candidate."""
        fitted = float(np.mean([fold.fit_seconds for fold in record.outcome.folds]))
        if self.families[record.params[FAMILY]].rounds is not None:  # the number of rounds is known by then
            return fitted * n_rows / self.n_train
        return (
            fitted
            * self._estimate_fit_seconds(record.params, n_rows)
            / self._estimate_fit_seconds(record.params, self.n_train)
        )

    def _estimate_seconds_without_limit(self, candidate: Mapping[str, Any]) -> float:
        """Estimate the seconds that a candidate takes on all folds without a time limit."""
        return (
            self.n_folds
            * self._estimate_fit_seconds(candidate, self.n_train)
            * self.get_correction_factor(candidate[FAMILY])
        )

    def _get_min_time_share(self, candidate: Mapping[str, Any]) -> float:
        return MIN_TIME_SHARE if self._can_be_shortened(candidate) else 1.0

    def _can_be_shortened(self, candidate: Mapping[str, Any]) -> bool:
        return self.max_candidate_seconds is not None and self.families[candidate[FAMILY]].rounds is not None

    def _estimate_fit_seconds(self, candidate: Mapping[str, Any], n_rows: int) -> float:
        """Return the family's own estimate for one fit of a candidate."""
        family, settings = self.families[candidate[FAMILY]], get_settings(candidate)
        shape = replace(family.adapt_shape(self.make_shape(n_rows)), params=settings)
        if uses_generated(family, candidate):
            shape = replace(shape, n_columns=shape.n_columns + MAX_GENERATED)
        seconds = family.seconds(shape)
        return seconds if settings.get(TARGET, UNCHANGED) == UNCHANGED else TRANSFORMED_FITS * seconds


def drop_unaffordable_families(cost_model: CostModel) -> CostModel:
    """Return a cost model of the families whose typical candidate fits into its time limit; if none does, of all."""
    if cost_model.max_candidate_seconds is None:
        return cost_model
    shape = cost_model.make_shape(cost_model.n_train)
    affordable = {}
    for name, family in cost_model.families.items():
        candidate = cost_model.raise_learning_rate(make_typical_candidate(family, shape))
        if cost_model.estimate_seconds(candidate) <= cost_model.max_candidate_seconds:
            affordable[name] = family
    return replace(cost_model, families=affordable or cost_model.families)
