"""How long candidates will take."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sklearn_autotune.boosting._early_stopping import MIN_TIME_SHARE
from sklearn_autotune.families import Family, Shape
from sklearn_autotune.families._baseline import BASELINE
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._candidates import FAMILY, get_settings, replace_setting

__all__ = ["CostModel"]

# What boosting calls it everywhere.
RATE = "learning_rate"

# What a hastened candidate is to take of what it may: not all of it gets quicker.
HASTENED_PART = 0.9


@dataclass
class CostModel:
    """Foresees how long a fit takes: what its family says, corrected by what has been measured.

    Parameters
    ----------
    families : mapping of str to Family
    shape : callable
        From a number of rows to a `Shape`.
    n_train : int
        Rows that a fold is fitted on.
    n_folds : int
    max_candidate_seconds : float or None, default=None
        What a candidate may take: boosters whose number of rounds is found are cut short then. None for no limit.
    """

    families: Mapping[str, Family]
    shape: Callable[[int], Shape]
    n_train: int
    n_folds: int
    max_candidate_seconds: float | None = None
    correction_factors: dict[str, float] = field(default_factory=dict, init=False)

    def update(self, record: TrialRecord) -> None:
        """Compare what a candidate took with what was foreseen. The baseline, which fits nothing, tells nothing."""
        folds = record.outcome.folds
        name = record.params[FAMILY]
        if name != BASELINE.name and folds and folds[0].fit_seconds > 0:
            took = float(np.mean([fold.fit_seconds + fold.score_seconds for fold in folds]))
            factor = took / self._by_family(record.params, self.n_train)
            # Rises at once and falls slowly: a family's candidates differ more than it can foresee.
            self.correction_factors[name] = max(factor, (factor + self.correction_factors.get(name, factor)) / 2)

    def estimate_seconds(self, candidate: Mapping[str, Any]) -> float:
        """Foresee the seconds that a candidate takes on all folds."""
        wanted = self._wanted(candidate)
        return min(wanted, self.max_candidate_seconds or wanted) if self._can_be_cut(candidate) else wanted

    def estimate_min_seconds(self, candidate: Mapping[str, Any]) -> float:
        """Foresee the seconds that a candidate has to have to be worth beginning."""
        return self.estimate_seconds(candidate) * self._least_part(candidate)

    def raise_learning_rate(self, candidate: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a booster that would take longer than it may with a higher learning rate: it needs fewer rounds.

        Cut short, it would come less far.
        """
        rate = get_settings(candidate).get(RATE)
        if rate is None or self.max_candidate_seconds is None:
            return candidate
        too_long = self._wanted(candidate) / (HASTENED_PART * self.max_candidate_seconds)
        if too_long <= 1.0:
            return candidate
        family, shape = self.families[candidate[FAMILY]], self.shape(self.n_train)
        raise_learning_rate = replace_setting(family, shape, candidate, RATE, rate * too_long)
        is_quicker = self._by_family(raise_learning_rate, self.n_train) < self._by_family(candidate, self.n_train)
        return raise_learning_rate if is_quicker else candidate

    def is_affordable(self, candidate: Mapping[str, Any]) -> bool:
        """Whether a candidate can be measured in what one may take: hastened, and cut short if not by much."""
        estimate_min_seconds = self._wanted(self.raise_learning_rate(candidate)) * self._least_part(candidate)
        return self.max_candidate_seconds is None or estimate_min_seconds <= self.max_candidate_seconds

    def factor(self, name: str) -> float:
        """Return how much longer than foreseen a family takes; of one not yet measured, the others' median."""
        return self.correction_factors.get(name, float(np.median(list(self.correction_factors.values()) or [1.0])))

    def estimate_refit_seconds(self, record: TrialRecord, n_rows: int) -> float:
        """Foresee the seconds that a measured candidate's final fit takes."""
        fitted = float(np.mean([fold.fit_seconds for fold in record.outcome.folds]))
        if self.families[record.params[FAMILY]].rounds is not None:  # these are known by then
            return fitted * n_rows / self.n_train
        return fitted * self._by_family(record.params, n_rows) / self._by_family(record.params, self.n_train)

    def _wanted(self, candidate: Mapping[str, Any]) -> float:
        """Foresee the seconds that a candidate takes on all folds, if it is not cut short."""
        return self.n_folds * self._by_family(candidate, self.n_train) * self.factor(candidate[FAMILY])

    def _least_part(self, candidate: Mapping[str, Any]) -> float:
        return MIN_TIME_SHARE if self._can_be_cut(candidate) else 1.0

    def _can_be_cut(self, candidate: Mapping[str, Any]) -> bool:
        return self.max_candidate_seconds is not None and self.families[candidate[FAMILY]].rounds is not None

    def _by_family(self, candidate: Mapping[str, Any], n_rows: int) -> float:
        """Return what a candidate's family says of one fit."""
        shape = replace(self.shape(n_rows), params=get_settings(candidate))
        return self.families[candidate[FAMILY]].seconds(shape)
