"""Which models enter an ensemble with which weights, and the reported score of the ensemble."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_autotune.selection._ensemble_selection import (
    MIN_WEIGHT,
    _keep_largest_weights,
    average_predictions,
    choose_greedy_weights,
    choose_weights,
)

N_PARTS, N_IN_PART = 4, 50
TRUTH = np.random.RandomState(0).normal(size=(N_PARTS, N_IN_PART))


def score_all(guess):
    return -float(np.mean((guess - TRUTH.ravel()) ** 2))


def score_parts(guess, parts):
    return -float(np.mean((guess - TRUTH[list(parts)].ravel()) ** 2))


def add_noise(seed, size=1.0):
    return TRUTH + size * np.random.RandomState(seed).normal(size=TRUTH.shape)


def choose(*candidates, max_models=5):
    return choose_weights([list(values) for values in candidates], score_parts, max_models=max_models)


def test_predictions_are_added_by_their_weights():
    first, second = np.array([1.0, 2.0]), np.array([3.0, 5.0])

    np.testing.assert_allclose(average_predictions([first, second], np.array([0.25, 0.75])), [2.5, 4.25])
    useless = np.array([np.nan, np.nan])
    np.testing.assert_array_equal(average_predictions([first, useless], np.array([1.0, 0.0])), first)


# -- greedy weights ------------------------------------------------------------------------------------------------


@given(st.integers(1, 4), st.integers(0, 1000))
def test_weights_add_up_to_one_for_no_more_models_than_allowed_and_beat_each_alone(max_models, seed):
    candidates = [add_noise(seed + number).ravel() for number in range(6)]

    weights = choose_greedy_weights(candidates, score_all, max_models=max_models)

    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    assert 1 <= (weights > 0).sum() <= max_models
    assert score_all(average_predictions(candidates, weights)) >= max(map(score_all, candidates)) - 1e-12


def test_errors_that_cancel_out_are_averaged_in_the_right_proportion():
    noise = np.random.RandomState(1).normal(size=TRUTH.size)
    candidates = [TRUTH.ravel() + noise, TRUTH.ravel() - 3 * noise]

    np.testing.assert_allclose(choose_greedy_weights(candidates, score_all, max_models=2), [0.75, 0.25])


def test_of_equal_models_the_first_is_taken_alone():
    same = add_noise(1).ravel()

    np.testing.assert_array_equal(choose_greedy_weights([same, same, same], score_all, max_models=3), [1, 0, 0])


# -- blends and single candidates ----------------------------------------------------------------------------------


def test_independent_errors_are_blended_and_the_blend_is_worth_more_than_the_best():
    candidates = [add_noise(seed) for seed in range(3)]

    choice = choose(*candidates)

    assert (choice.weights > 0.1).all()
    assert choice.weights.sum() == pytest.approx(1)
    assert choice.score > max(score_all(values.ravel()) for values in candidates)


def test_the_score_of_a_part_owes_nothing_to_that_part():
    """Each candidate is right on one part alone: chosen there it would be worth 0, chosen elsewhere it is not."""
    candidates = [np.where(np.arange(N_PARTS)[:, None] == right, TRUTH, TRUTH + 10) for right in range(N_PARTS)]

    for max_models in (1, 5):
        assert choose(*candidates, max_models=max_models).score == pytest.approx(-100)


@pytest.mark.parametrize(("sizes", "best"), [((0.1, 3.0), 0), ((3.0, 0.1), 1)])
def test_where_one_model_is_allowed_the_best_is_taken(sizes, best):
    candidates = [add_noise(seed, size) for seed, size in enumerate(sizes)]

    choice = choose(*candidates, max_models=1)

    np.testing.assert_array_equal(choice.weights, np.arange(2) == best)
    assert choice.score == pytest.approx(score_all(candidates[best].ravel()))


def test_where_one_model_is_allowed_each_candidate_is_scored_once_on_each_part():
    calls = []

    def count(values, parts):
        calls.append(tuple(parts))
        return score_parts(values, parts)

    choose_weights([list(add_noise(seed)) for seed in range(3)], count, max_models=1)

    assert sorted(calls) == sorted([(part,) for part in range(4)] * 3)


def test_a_single_candidate_is_scored_on_every_part():
    only = add_noise(1)

    choice = choose(only)

    assert choice.weights.tolist() == [1]
    assert choice.score == pytest.approx(score_all(only.ravel()))


def test_a_blend_that_does_worse_on_new_parts_gives_way_to_the_best_candidate():
    """On every three parts a share of the second candidate helps, and on the fourth it does harm."""

    def score(guess, parts):
        # The guess is the share of the second candidate; it pays where several parts are scored together.
        share = float(guess.mean())
        return share * (1 - share) if len(parts) > 1 else -share

    ones, zeros = [np.ones(1)] * N_PARTS, [np.zeros(1)] * N_PARTS
    choice = choose_weights([zeros, ones], score, max_models=2)

    np.testing.assert_array_equal(choice.weights, [1, 0])
    assert choice.score == 0


def test_models_with_next_to_no_weight_are_left_out():
    """Without the first part the second model has a weight of 1/25, with it none: a hundredth on average."""

    def score(guess, parts):
        best_share = 0.0 if 0 in parts else 0.04
        return -((float(guess.mean()) - best_share) ** 2) if len(parts) > 1 else 0.0

    ones, zeros = [np.ones(1)] * N_PARTS, [np.zeros(1)] * N_PARTS
    pooled = [np.zeros(1), np.ones(1)]
    np.testing.assert_allclose(
        choose_greedy_weights(pooled, lambda guess: score(guess, [1, 2, 3]), max_models=2), [0.96, 0.04]
    )

    assert 0 < 0.04 / N_PARTS < MIN_WEIGHT
    np.testing.assert_array_equal(choose_weights([zeros, ones], score, max_models=2).weights, [1, 0])


def test_a_blend_has_no_more_models_than_allowed_although_parts_choose_differently():
    candidates = [add_noise(seed) for seed in range(8)]

    choice = choose(*candidates, max_models=3)

    assert (choice.weights > 0).sum() <= 3
    assert choice.weights.sum() == pytest.approx(1)


def test_one_part_is_enough_to_choose_on():
    values = add_noise(1)[:1]
    choice = choose_weights(
        [list(values), list(TRUTH[:1])], lambda guess, parts: -float(np.mean((guess - TRUTH[0]) ** 2)), max_models=2
    )

    np.testing.assert_array_equal(choice.weights, [0, 1])
    assert choice.score == 0


# -- parts that follow time ----------------------------------------------------------------------------------------


def test_each_part_is_scored_with_weights_of_the_earlier_parts_alone():
    """One candidate is good on the first half and the other on the second, so hindsight would score higher."""
    is_late = (np.arange(N_PARTS) >= N_PARTS // 2)[:, np.newaxis]
    early, late = (np.where(is_late == own, TRUTH, TRUTH + 3) for own in (False, True))
    candidates = [list(early), list(late)]

    forward = choose_weights(candidates, score_parts, max_models=1, is_forward=True)
    with_hindsight = choose_weights(candidates, score_parts, max_models=1)

    expected = []
    for part in range(1, N_PARTS):
        best = max((early, late), key=lambda own: -np.mean((own[:part] - TRUTH[:part]) ** 2))
        expected.append(-np.mean((best[part] - TRUTH[part]) ** 2))
    assert forward.score == pytest.approx(np.mean(expected))
    assert forward.score != with_hindsight.score


def test_only_candidates_that_are_allowed_together_are_blended():
    """The first and the second complement each other, and so do the second and the third, less well."""
    noise = np.random.RandomState(1).normal(size=TRUTH.shape)
    candidates = [TRUTH + noise, TRUTH - 0.9 * noise, TRUTH + 1.5 * noise]

    def refuse_the_best_pair(indices):
        return not {0, 1} <= set(indices)

    pooled = [values.ravel() for values in candidates]
    greedy = choose_greedy_weights(pooled, score_all, max_models=3, allows=refuse_the_best_pair)
    parted = choose_weights(
        [list(values) for values in candidates], score_parts, max_models=3, allows=refuse_the_best_pair
    ).weights

    for weights in (greedy, parted):
        assert weights.sum() == pytest.approx(1)
        assert np.flatnonzero(weights).tolist() == [1, 2]
    np.testing.assert_allclose(choose_greedy_weights(pooled, score_all, max_models=3), [0.47, 0.53, 0.0], atol=0.03)


def test_of_weights_that_the_parts_have_chosen_apart_the_smallest_go_until_they_are_allowed():
    weights = _keep_largest_weights(np.array([0.5, 0.3, 0.2]), 3, lambda indices: len(indices) < 3)

    np.testing.assert_allclose(weights, [0.625, 0.375, 0.0])
