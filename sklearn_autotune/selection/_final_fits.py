"""The final fits: of the blend's members, of what they look at, and what is put together of them."""

import logging
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.frozen import FrozenEstimator

from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._candidates import FAMILY
from sklearn_autotune.selection._cross_fit import AveragedClassifier, AveragedRegressor, CrossFitEvaluation
from sklearn_autotune.selection._schedule import Schedule, make_label
from sklearn_autotune.selection._second_layer import (
    SecondLayer,
    SecondLayerClassifier,
    SecondLayerRegressor,
    is_second_layer,
)

__all__ = ["FinalFits"]

logger = logging.getLogger(__name__)


class FinalFits:
    """Fits the chosen candidates on all rows, or takes their folds' models, as far as there is time.

    Parameters
    ----------
    schedule : Schedule
    full_fit : CrossFitEvaluation
        All rows.
    cross_fit : CrossFitEvaluation
        What the candidates were measured on.
    second_layer : SecondLayer
    """

    def __init__(
        self, schedule: Schedule, full_fit: CrossFitEvaluation, cross_fit: CrossFitEvaluation, second_layer: SecondLayer
    ) -> None:
        self.schedule = schedule
        self.full_fit = full_fit
        self.cross_fit = cross_fit
        self.second_layer = second_layer
        self.fitted: dict[int, Any] = {}

    def fit(self, chosen: Sequence[tuple[TrialRecord, float]], best: TrialRecord) -> list[tuple[TrialRecord, float]]:
        """Fit candidates, those with the largest weights first.

        Parameters
        ----------
        chosen : sequence of (TrialRecord, float)
            With their weights.
        best : TrialRecord
            Of the first layer: what is left if there is no time for any of them.

        Returns
        -------
        members : list of (TrialRecord, float)
            At least one of those that were chosen, or the best; the weights add up to 1.
        """
        members = [pair for pair in sorted(chosen, key=lambda pair: -pair[1]) if self._has_fitted(pair[0])]
        if not members:
            self._fit(best, is_last_chance=True)
            members = [(best, 1.0)]
        total = sum(weight for _, weight in members)
        return [(record, weight / total) for record, weight in members]

    def _has_fitted(self, record: TrialRecord) -> bool:
        """Fit a candidate, and before it what it looks at; say whether there was time."""
        is_fitted = (
            all(self._has_fitted(base) for base in self.second_layer.base_records) if is_second_layer(record) else True
        )
        is_fitted = is_fitted and (record.number in self.fitted or self._fit(record))
        if not is_fitted:
            logger.info("No time is left to fit %s on all rows: the blend goes without it.", make_label(record))
        return is_fitted

    def _fit(self, record: TrialRecord, *, is_last_chance: bool = False) -> bool:
        models = self._models(record, is_last_chance=is_last_chance)
        if models is None:
            return False
        if self.cross_fit.classes is None:
            member: Any = AveragedRegressor(models)
        else:
            temperature = record.outcome.kept.temperature
            member = AveragedClassifier(models, temperature, np.arange(len(self.cross_fit.classes)))
        self.fitted[record.number] = member
        return True

    def _models(self, record: TrialRecord, *, is_last_chance: bool) -> list[Any] | None:
        """Return the models of a member, or None if there is no time to fit one."""
        kept = record.outcome.kept
        if is_second_layer(record):
            seconds = float(np.mean([fold.fit_seconds for fold in record.outcome.folds]))
            return [self.second_layer.fit(record)] if self._has_time(seconds) else None
        if not self.schedule.is_refitted(record):
            return kept.models
        has_time = self._has_time(
            self.schedule.cost_model.estimate_refit_seconds(record, len(self.full_fit.class_codes))
        )
        if has_time or (is_last_chance and not kept.models):
            family = self.full_fit.families[record.params[FAMILY]]
            rounds = round(float(np.mean(kept.rounds))) if kept.rounds else None
            return [
                self.full_fit.fit_on(family, record.params, np.arange(len(self.full_fit.class_codes)), rounds=rounds)
            ]
        return kept.models

    def _has_time(self, seconds: float) -> bool:
        return self.schedule.deadline is None or time.time() + seconds < self.schedule.deadline

    def assemble(self, members: Sequence[tuple[TrialRecord, float]]) -> Any:
        """Put members together in scikit-learn's ensembles; none of them is fitted again."""
        classes = self.full_fit.classes
        n_columns = self.full_fit.task.X.shape[1]
        y = np.arange(2.0) if classes is None else classes
        shown = np.zeros((len(y), n_columns))
        if any(is_second_layer(record) for record, _ in members):
            return self._stacking(members).fit(shown, y)
        named = [(make_label(record), FrozenEstimator(self.fitted[record.number])) for record, _ in members]
        weights = [weight for _, weight in members]
        if classes is None:
            return VotingRegressor(named, weights=weights).fit(shown, y)
        return VotingClassifier(named, voting="soft", weights=weights).fit(shown, y)

    def _stacking(self, members: Sequence[tuple[TrialRecord, float]]) -> Any:
        base_records = self.second_layer.base_records
        others = [record for record, _ in members if not is_second_layer(record)]
        first = base_records + [
            record for record in others if record.number not in {base.number for base in base_records}
        ]
        weight_of = {record.number: weight for record, weight in members}
        named = [(make_label(record), FrozenEstimator(self.fitted[record.number])) for record in first]
        stacked = [
            (weight, self.second_layer.sees_table(record), self.fitted[record.number])
            for record, weight in members
            if is_second_layer(record)
        ]
        weights = [weight_of.get(record.number, 0.0) for record in first]
        settings: dict[str, Any] = {"cv": "prefit", "passthrough": True}
        if self.full_fit.classes is None:
            second = FrozenEstimator(SecondLayerRegressor(weights, stacked, len(base_records)))
            return StackingRegressor(named, second, **settings)
        second = FrozenEstimator(
            SecondLayerClassifier(weights, stacked, len(base_records), np.arange(len(self.full_fit.classes)))
        )
        return StackingClassifier(named, second, stack_method="predict_proba", **settings)
