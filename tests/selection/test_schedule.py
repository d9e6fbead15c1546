"""The order in which AutoModelSelector tries models, and what it has time for."""

from dataclasses import replace

import pytest

from sklearn_autotune._compat import clock
from sklearn_autotune.proposals._budget import StoppingRule
from sklearn_autotune.selection._candidates import FAMILY, add_family_prefix
from sklearn_autotune.selection._cost_model import CostModel
from sklearn_autotune.selection._schedule import Schedule
from tests.selection.toy_families import N_FOLDS, boosting, family, make_reserve, record, shape


def make_schedule(families, deadline=None, max_candidate_seconds=None, find_violations=None):
    cost_model = CostModel({one.name: one for one in families}, shape, 100, N_FOLDS, max_candidate_seconds)
    return Schedule(cost_model, make_reserve(cost_model, deadline), find_violations)


def drain(schedule, records=()):
    return [candidate[FAMILY] for candidate in drain_candidates(schedule, records)]


def drain_candidates(schedule, records=()):
    proposed = []
    while (candidate := schedule.propose(records)) is not None:
        proposed.append(candidate)
    return proposed


def test_each_family_has_its_turn_before_any_has_a_second_one():
    assert drain(make_schedule([family("a"), family("b", n_first=3)])) == ["a", "b", "a", "b", "b"]


def test_with_a_time_limit_what_takes_next_to_nothing_comes_first():
    families = [family("slow", 0.5), family("slower", 1.0), family("quick", 0.002), family("quicker", 0.001)]
    schedule = make_schedule(families, clock.now() + 100, max_candidate_seconds=10.0)
    assert drain(schedule)[:4] == ["quicker", "quick", "slow", "slower"]


def test_what_its_time_limit_would_end_comes_last():
    families = [family("boosted", 5.0, rounds="n_estimators"), family("whole", 0.5), family("quick", 0.001)]
    schedule = make_schedule(families, clock.now() + 100, max_candidate_seconds=10.0)
    assert drain(schedule)[:3] == ["quick", "whole", "boosted"]


def test_second_turns_belong_to_the_families_that_did_best():
    schedule = make_schedule([family("a"), family("b"), family("c")])
    records = [
        record(10, "a", -0.5, -0.5, -0.5),
        record(11, "b", -0.9, status="pruned"),
        record(12, "c", -0.1, -0.1, -0.1),
    ]
    assert [schedule.propose(records[:number])[FAMILY] for number in range(3)] == ["a", "b", "c"]
    assert drain(schedule, records) == ["c", "a", "b"]


def test_a_family_far_beyond_a_limit_has_no_second_turn_unless_all_are():
    records = [
        record(10, "a", -0.1, -0.1, -0.1),
        record(11, "b", -0.9, -0.9, -0.9),
        record(12, "baseline", -2.0, -2.0, -2.0),
    ]
    families = [family("a"), family("b")]

    def drain_after(*violations):
        by_score = dict(zip((-0.1, -0.9, -2.0), (*violations, -1.0), strict=True))
        schedule = make_schedule(families, find_violations=lambda outcome: {"bytes": by_score[outcome.folds[0].test]})
        return drain(schedule, records)

    assert drain_after(5.0, 0.0) == ["b", "b"]
    assert drain_after(0.9, 0.0) == ["a", "b", "a", "b"]  # a smaller model of the family may meet it
    assert drain_after(5.0, 5.0) == ["a", "b", "a", "b"]


def test_what_there_is_no_time_for_is_passed_over():
    schedule = make_schedule(
        [family("long", 50.0), family("short", 0.001)], clock.now() + 60, max_candidate_seconds=200.0
    )
    assert drain(schedule) == ["short", "short"]


def test_a_booster_is_cut_short_where_another_model_is_passed_over():
    families = [family("long", 10.0), family("boosted", 10.0, rounds="n_estimators")]
    schedule = make_schedule(families, clock.now() + 20, max_candidate_seconds=15.0)
    assert schedule.cost_model.estimate_seconds({FAMILY: "long"}) == 30.0
    assert schedule.cost_model.estimate_seconds({FAMILY: "boosted"}) == 15.0
    assert drain(schedule) == ["boosted", "boosted"]


def test_the_first_proposal_has_a_raised_learning_rate():
    schedule = make_schedule([boosting()], clock.now() + 60, max_candidate_seconds=20.0)
    assert schedule.propose([]) == {
        FAMILY: "boosted",
        add_family_prefix("boosted", "learning_rate"): pytest.approx(0.08 * 1.5 / 0.9),
    }


@pytest.mark.parametrize(("patience", "expected"), [("auto", 2 + 8), (3, 3), (None, None)])
def test_the_search_ends_after_as_many_candidates_without_improvement_as_the_user_says(patience, expected):
    schedule = make_schedule([family("a")])

    assert schedule.make_stopping_rule(patience, 200) == StoppingRule(expected)


def test_candidates_that_a_stored_search_has_measured_are_not_proposed_again():
    first = drain_candidates(make_schedule([family("a"), family("b")]))
    measured = [replace(record(0, "a", -0.5, -0.5), params=params) for params in first[1:3]]

    left = drain_candidates(make_schedule([family("a"), family("b")]), measured)

    assert left == [first[0], first[3]]
