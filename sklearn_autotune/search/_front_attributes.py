"""The attributes of a search with several objectives or limits."""

import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.objectives._blend_table import BlendTable
from sklearn_autotune.objectives._plan import ObjectivePlan
from sklearn_autotune.search._result_tables import CVResults, Front, Trials
from sklearn_autotune.search._results import mask_incomplete
from sklearn_autotune.search._setup import get_refit_metric
from sklearn_autotune.statistics._front_rules import FrontRule, find_broken_limits, make_front
from sklearn_autotune.statistics._refit_rules import RefitRule
from sklearn_autotune.storage._outcomes import MEASURED_STATUSES

__all__ = ["FrontMixin", "get_blend_table", "get_front", "get_front_rule", "get_objective_plan"]

logger = logging.getLogger(__name__)


class FrontMixin:
    """Sets ``front_`` and ``best_scores_``, and sees that the final model keeps to the limits."""

    trials_: Trials
    cv_results_: CVResults
    front_: Front
    best_scores_: dict[str, float]
    best_index_: int
    best_params_: dict[str, Any]
    best_score_: float
    best_estimator_: Any
    _front_rule: FrontRule | None
    _blend_table: BlendTable

    def _get_metric_name(self) -> str | None:
        """Return the name of the score that ``best_score_`` is of, if there are several."""
        plan = get_objective_plan(self)
        return get_refit_metric(getattr(self, "refit", None)) if plan is None else plan.primary

    def _publish_front(self, make_rule: Callable[[str], RefitRule] | None) -> None:
        """Set ``front_``, if the rule that chooses the winner knows several objectives."""
        rule = None if make_rule is None else make_rule("score")
        self._front_rule = rule if isinstance(rule, FrontRule) else None
        if self._front_rule is not None and self._front_rule.plan.is_listed:
            results = self._mask_incomplete()
            self.front_ = Front(make_front(results, self._front_rule.plan, self._front_rule.check))

    def _publish_best_scores(self) -> None:
        """Set ``best_scores_``, if there are several objectives or limits, and a winner."""
        plan = get_objective_plan(self)
        if plan is not None and hasattr(self, "best_index_"):
            results = dict(self.cv_results_)
            row = self.best_index_
            self.best_scores_ = {one.name: one.sign * float(results[f"mean_test_{one.key}"][row]) for one in plan.named}

    def _mask_incomplete(self) -> Mapping[str, Any]:
        """Return ``cv_results_`` without the scores of incomplete candidates, which may not win."""
        statuses = [Status(status) for status in self.trials_["status"]]
        complete = np.array([status == Status.COMPLETE for status in statuses if status in MEASURED_STATUSES])
        return mask_incomplete(dict(self.cv_results_), complete)

    def _choose_again(self) -> bool:
        """Let the next candidate win if the final model breaks a limit on what is counted; return whether it does.

        Raises
        ------
        ValueError
            If no other candidate meets the limits.

        Warns
        -----
        UserWarning
            If none does, under ``infeasible="nearest"``. Then the candidate remains the winner.
        """
        rule = self._front_rule
        if rule is None or not rule.meets_limits(self._mask_incomplete(), self.best_index_):
            return False
        broken = find_broken_limits(self.best_estimator_, rule.plan)
        if not broken:
            return False
        text = f"Candidate {self.best_index_} meets the limits on the folds, but not fitted on all rows: {broken[0]}."
        self._front_rule = rule.exclude(self.best_index_)
        try:
            row = replace(self._front_rule, infeasible="raise")(self._mask_incomplete())
        except ValueError:
            if rule.infeasible == "raise":
                raise ValueError(f"{text} No other candidate meets them.") from None
            warnings.warn(text, stacklevel=2)
            return False
        logger.info("%s The next is candidate %d.", text, row)
        self.best_index_ = self.trials_.best_row = row
        self.best_params_ = self.cv_results_["params"][row]
        self.best_score_ = self.cv_results_[f"mean_test_{rule.plan.primary}"][row]
        self._publish_best_scores()
        return True


def get_front(search: object) -> Front | None:
    """Return the front of a search's candidates, or of a selector's blends; None if it has none."""
    front = getattr(search, "front_", None)
    return front if isinstance(front, Front) else None


def get_blend_table(search: object) -> BlendTable | None:
    """Return the blends that a fitted selector has compared; None of any other search."""
    found = getattr(search, "_blend_table", None)
    return found if isinstance(found, BlendTable) else None


def get_objective_plan(search: object) -> ObjectivePlan | None:
    """Return the objectives and limits of a fitted search; None if it has one score, or is of another package."""
    rule = get_front_rule(search)
    return None if rule is None else rule.plan


def get_front_rule(search: object) -> FrontRule | None:
    """Return the rule that chose the winner by objectives and limits; None of a search without them."""
    rule = getattr(search, "_front_rule", None)
    return rule if isinstance(rule, FrontRule) else None
