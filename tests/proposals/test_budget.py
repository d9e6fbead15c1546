"""A budget leaves time for the final fit; a stopping rule uses only trials that have been told."""

import pytest

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation import FoldScore, Outcome
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.proposals._budget import Budget, StoppingRule


def outcome(status=Status.COMPLETE, *fit_seconds):
    return Outcome(status, tuple(FoldScore(0.5, None, seconds, 0.0) for seconds in fit_seconds))


def test_without_a_deadline_there_is_always_time():
    budget = Budget(3)
    budget.add_outcome(outcome(Status.COMPLETE, 100.0))

    assert budget.search_deadline is None
    assert not budget.is_spent


@pytest.mark.parametrize(("refit", "reserved"), [(True, 5.0), (False, 0.0)])
def test_a_quarter_more_than_the_slowest_fit_is_kept_for_the_final_one(refit, reserved):
    deadline = clock.now() + 1000
    budget = Budget(3, deadline, refit)
    for seconds in ((1.0, 4.0), (2.0,), ()):
        budget.add_outcome(outcome(Status.COMPLETE, *seconds))

    assert budget.search_deadline == deadline - reserved
    assert not budget.is_spent


def test_the_final_fit_is_estimated_as_the_search_says():
    deadline = clock.now() + 1000
    budget = Budget(3, deadline, estimate_final_seconds=lambda fit_seconds: 1.5 * (fit_seconds + 2.0))

    budget.add_outcome(outcome(Status.COMPLETE, 4.0, 2.0))

    assert budget.search_deadline == deadline - 9.0


def test_the_final_fit_takes_the_work_too_that_candidates_share():
    deadline = clock.now() + 1000
    budget = Budget(3, deadline, estimate_final_seconds=lambda fit_seconds: 2 * fit_seconds)

    budget.add_outcome(Outcome(Status.COMPLETE, (FoldScore(0.5, None, 4.0, 0.0, shared_seconds=3.0),)))

    assert budget.search_deadline == deadline - 14.0


def test_a_budget_is_spent_when_only_the_time_for_the_final_fit_is_left():
    budget = Budget(3, clock.now() + 2.0)
    budget.add_outcome(outcome(Status.COMPLETE, 4.0))

    assert budget.is_spent
    assert budget.seconds_left == 0.0


@pytest.mark.parametrize("status", [Status.DUPLICATE, Status.TIMEOUT, Status.CANCELLED])
def test_trials_that_were_not_measured_do_not_wear_out_patience(status):
    rule = StoppingRule(patience=1)
    rule.add_outcome(outcome(), 0.5)

    rule.add_outcome(outcome(status), None)
    assert not rule.is_met
    rule.add_outcome(outcome(Status.FAILED), None)
    assert rule.is_met


@pytest.mark.parametrize(
    ("settings", "can_stop"), [({}, False), ({"patience": 3}, True), ({"target_score": 0.0}, True)]
)
def test_a_rule_without_settings_stops_nothing(settings, can_stop):
    assert StoppingRule(**settings).can_stop == can_stop
