"""The final fits: of the blend's members, of what they look at, and what is put together of them."""

import logging
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.frozen import FrozenEstimator

from sklearn_autotune.search._trial_loop import Record
from sklearn_autotune.selection._candidates import FAMILY
from sklearn_autotune.selection._cross_fit import MemberClassifier, MemberRegressor, Members
from sklearn_autotune.selection._schedule import Plan, label_of
from sklearn_autotune.selection._second_layer import SecondLayerClassifier, SecondLayerRegressor, Stack, is_stacked

__all__ = ["FinalFits"]

logger = logging.getLogger(__name__)


class FinalFits:
    """Fits the chosen candidates on all rows, or takes their folds' models, as far as there is time.

    Parameters
    ----------
    plan : Plan
    whole : Members
        All rows.
    measured : Members
        What the candidates were measured on.
    stack : Stack
    """

    def __init__(self, plan: Plan, whole: Members, measured: Members, stack: Stack) -> None:
        self.plan = plan
        self.whole = whole
        self.measured = measured
        self.stack = stack
        self.fitted: dict[int, Any] = {}

    def fit(self, chosen: Sequence[tuple[Record, float]], best: Record) -> list[tuple[Record, float]]:
        """Fit candidates, those with the largest weights first.

        Parameters
        ----------
        chosen : sequence of (Record, float)
            With their weights.
        best : Record
            Of the first layer: what is left if there is no time for any of them.

        Returns
        -------
        members : list of (Record, float)
            At least one of those that were chosen, or the best; the weights add up to 1.
        """
        members = [pair for pair in sorted(chosen, key=lambda pair: -pair[1]) if self._has_fitted(pair[0])]
        if not members:
            self._fit(best, is_last_chance=True)
            members = [(best, 1.0)]
        total = sum(weight for _, weight in members)
        return [(record, weight / total) for record, weight in members]

    def _has_fitted(self, record: Record) -> bool:
        """Fit a candidate, and before it what it looks at; say whether there was time."""
        is_fitted = all(self._has_fitted(base) for base in self.stack.bases) if is_stacked(record) else True
        is_fitted = is_fitted and (record.number in self.fitted or self._fit(record))
        if not is_fitted:
            logger.info("No time is left to fit %s on all rows: the blend goes without it.", label_of(record))
        return is_fitted

    def _fit(self, record: Record, *, is_last_chance: bool = False) -> bool:
        models = self._models(record, is_last_chance=is_last_chance)
        if models is None:
            return False
        if self.measured.classes is None:
            member: Any = MemberRegressor(models)
        else:
            temperature = record.outcome.kept.temperature
            member = MemberClassifier(models, temperature, np.arange(len(self.measured.classes)))
        self.fitted[record.number] = member
        return True

    def _models(self, record: Record, *, is_last_chance: bool) -> list[Any] | None:
        """Return the models of a member, or None if there is no time to fit one."""
        kept = record.outcome.kept
        if is_stacked(record):
            seconds = float(np.mean([fold.fit_seconds for fold in record.outcome.folds]))
            return [self.stack.fit(record)] if self._has_time(seconds) else None
        if not self.plan.is_refitted(record):
            return kept.models
        has_time = self._has_time(self.plan.costs.of_refit(record, len(self.whole.places)))
        if has_time or (is_last_chance and not kept.models):
            family = self.whole.families[record.params[FAMILY]]
            rounds = round(float(np.mean(kept.rounds))) if kept.rounds else None
            return [self.whole.fit_on(family, record.params, np.arange(len(self.whole.places)), rounds=rounds)]
        return kept.models

    def _has_time(self, seconds: float) -> bool:
        return self.plan.deadline is None or time.time() + seconds < self.plan.deadline

    def put_together(self, members: Sequence[tuple[Record, float]]) -> Any:
        """Put members together in scikit-learn's ensembles; none of them is fitted again."""
        classes = self.whole.classes
        n_columns = self.whole.task.X.shape[1]
        y = np.arange(2.0) if classes is None else classes
        shown = np.zeros((len(y), n_columns))
        if any(is_stacked(record) for record, _ in members):
            return self._stacking(members).fit(shown, y)
        named = [(label_of(record), FrozenEstimator(self.fitted[record.number])) for record, _ in members]
        weights = [weight for _, weight in members]
        if classes is None:
            return VotingRegressor(named, weights=weights).fit(shown, y)
        return VotingClassifier(named, voting="soft", weights=weights).fit(shown, y)

    def _stacking(self, members: Sequence[tuple[Record, float]]) -> Any:
        bases = self.stack.bases
        others = [record for record, _ in members if not is_stacked(record)]
        first = bases + [record for record in others if record.number not in {base.number for base in bases}]
        weight_of = {record.number: weight for record, weight in members}
        named = [(label_of(record), FrozenEstimator(self.fitted[record.number])) for record in first]
        stacked = [
            (weight, self.stack.sees_table(record), self.fitted[record.number])
            for record, weight in members
            if is_stacked(record)
        ]
        weights = [weight_of.get(record.number, 0.0) for record in first]
        settings: dict[str, Any] = {"cv": "prefit", "passthrough": True}
        if self.whole.classes is None:
            second = FrozenEstimator(SecondLayerRegressor(weights, stacked, len(bases)))
            return StackingRegressor(named, second, **settings)
        second = FrozenEstimator(
            SecondLayerClassifier(weights, stacked, len(bases), np.arange(len(self.whole.classes)))
        )
        return StackingClassifier(named, second, stack_method="predict_proba", **settings)
