"""How many candidates may be running before their results are known."""

import pytest

from sklearn_autotune.proposals._look_ahead import LookAhead, read_look_ahead


def test_a_number_is_the_same_for_all_candidates():
    look_ahead = read_look_ahead(3)

    assert [look_ahead(index) for index in (0, 1, 10, 1000)] == [3, 3, 3, 3]


def test_by_default_the_first_ten_are_proposed_together_and_then_a_quarter_may_be_unknown():
    look_ahead = read_look_ahead("auto")

    assert [look_ahead(index) for index in (0, 9, 10, 12, 40, 100, 128, 1000)] == [10, 10, 4, 4, 10, 25, 32, 32]


def test_the_first_candidates_are_not_proposed_together_if_their_results_matter():
    assert [read_look_ahead("auto").split_first()(index) for index in (0, 9, 10, 40)] == [4, 4, 4, 10]


def test_a_share_lets_the_number_grow_up_to_a_limit():
    look_ahead = LookAhead(2, share=0.25, n_most=10)

    assert [look_ahead(index) for index in (0, 8, 12, 39, 40, 1000)] == [2, 2, 3, 9, 10, 10]


@pytest.mark.parametrize(("look_ahead", "widened"), [(LookAhead(1), 1), (LookAhead(2), 16), (LookAhead(40), 40)])
def test_only_a_search_that_takes_candidate_by_candidate_is_not_widened(look_ahead, widened):
    assert look_ahead.widen(16)(0) == widened
