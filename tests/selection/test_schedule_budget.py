"""How the time of a selection is divided."""

import pytest

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation import Outcome
from sklearn_autotune.selection._cost_model import CostModel
from sklearn_autotune.selection._schedule import SelectionBudget
from tests.selection.toy_families import N_FOLDS, family, make_reserve, record, shape


def test_nothing_is_begun_after_several_in_a_row_for_which_there_was_no_time():
    budget = SelectionBudget(100, clock.now() + 100)
    for status in ("timeout", "timeout", "pruned", "timeout", "timeout"):
        budget.add_outcome(Outcome(status, ()))
        assert not budget.is_spent
    budget.add_outcome(Outcome("timeout", ()))
    assert budget.is_spent
    assert budget.seconds_left > 90  # what is under way goes on


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (None, 9.0),  # all that may be fitted
        (5.0, 5.0),  # no more than a candidate may take
        (2.0, 4.0),  # but the best one in any case
    ],
)
def test_time_is_kept_for_the_best_ones_final_fit_and_no_more_than_a_candidates_for_others(most, expected):
    records = [record(0, "a", -0.1, seconds=4.0), record(1, "a", -0.2, seconds=3.0), record(2, "a", -0.3, seconds=2.0)]
    cost_model = CostModel({"a": family("a")}, shape, 100, N_FOLDS, most)
    reserve = make_reserve(cost_model, clock.now() + 100, 100, refits_all=True)

    assert reserve.estimate_seconds_after_search(records) - reserve.estimate_seconds_after_search([]) == pytest.approx(
        expected
    )


@pytest.mark.parametrize(("most", "expected"), [(None, 0.5), (3.0, 0.5), (0.3, 0.06)])
def test_of_a_short_budget_not_half_is_kept_for_blending(most, expected):
    cost_model = CostModel({"a": family("a")}, shape, 100, N_FOLDS, most)
    reserve = make_reserve(cost_model, clock.now() + 100)
    assert reserve.estimate_seconds_after_search([]) == pytest.approx(expected)


def test_blending_has_its_seconds_even_where_a_candidate_took_longer_than_foreseen(monkeypatch):
    now = 1000.0
    monkeypatch.setattr("sklearn_autotune._compat.clock.now", lambda: now)
    cost_model = CostModel({"a": family("a")}, shape, 100, N_FOLDS, 3.0)
    assert make_reserve(cost_model, None).blend_deadline is None
    assert make_reserve(cost_model, now + 5).blend_deadline == now + 5
    assert make_reserve(cost_model, now - 5).blend_deadline == now + 0.5
