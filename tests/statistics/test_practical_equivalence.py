"""The Bayesian correlated t-test: probabilities as baycomp computes them, and nothing said where nothing is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import floats, lists

from sklearn_autotune.statistics._practical_equivalence import compute_equivalence_probabilities

FIVE = [[0.90, 0.88, 0.91, 0.89, 0.92], [0.91, 0.90, 0.90, 0.90, 0.93]]
TWICE_FIVE = [[*FIVE[0], 0.90, 0.91, 0.89, 0.90, 0.88], [*FIVE[1], 0.90, 0.92, 0.90, 0.89, 0.89]]


# baycomp 1.0.3: two_on_single(first, second, rope, runs). It takes the ratio of rows from the folds of one run.
@pytest.mark.parametrize(
    ("scores", "rope", "expected"),
    [
        (FIVE, 0.01, (0.035241998455109974, 0.5652750719485002, 0.39948292959638976)),
        (FIVE, 0.03, (0.0033233656056980204, 0.9765835252665893, 0.02009310912771267)),
        (TWICE_FIVE, 0.01, (0.01036618855484435, 0.7387808911360719, 0.2508529203090837)),  # runs=2
    ],
)
def test_probabilities_are_those_of_baycomp(scores, rope, expected):
    found = compute_equivalence_probabilities(np.subtract(*scores), test_over_train=1 / 4, rope=rope)

    assert found == pytest.approx(expected, rel=1e-9)


@given(lists(floats(-1, 1), min_size=3, max_size=12), floats(0, 0.5))
def test_probabilities_add_up_and_change_sides_with_the_order_of_the_methods(differences, rope):
    settings = {"test_over_train": 0.25, "rope": rope}
    one = compute_equivalence_probabilities(differences, **settings)
    two = compute_equivalence_probabilities(np.negative(differences), **settings)

    assert np.isnan(one).all() or sum(one) == pytest.approx(1)
    assert tuple(two) == pytest.approx(tuple(reversed(one)), nan_ok=True)


def test_folds_without_a_score_are_left_out():
    settings = {"test_over_train": 0.25, "rope": 0.01}

    assert compute_equivalence_probabilities([0.01, np.nan, 0.03], **settings) == compute_equivalence_probabilities(
        [0.01, 0.03], **settings
    )


@pytest.mark.parametrize("differences", [[], [0.1], [np.nan, 0.1], [0.1, 0.1], [0.005] * 5])
def test_too_few_folds_and_equal_differences_on_few_folds_say_nothing(differences):
    assert np.isnan(compute_equivalence_probabilities(differences, test_over_train=0.25, rope=0.01)).all()


def test_equal_scores_are_equivalent_and_the_same_difference_on_many_folds_counts():
    settings = {"test_over_train": 0.25, "rope": 0.01}

    assert compute_equivalence_probabilities([0.0, 0.0], **settings) == (0, 1, 0)
    assert compute_equivalence_probabilities([0.005] * 8, **settings) == (0, 1, 0)
    assert compute_equivalence_probabilities([0.9 - 0.8] * 8, **settings) == (1, 0, 0)
    assert compute_equivalence_probabilities([-0.1] * 8, **settings) == (0, 0, 1)


def test_without_a_region_nothing_is_equivalent():
    first, equivalent, second = compute_equivalence_probabilities([0.1, 0.2, 0.0], test_over_train=0.5, rope=0)

    assert equivalent == pytest.approx(0)
    assert first > 0.5 > second > 0


@pytest.mark.parametrize("rope", [-0.01, np.nan, np.inf])
def test_a_region_that_is_none_is_refused(rope):
    with pytest.raises(ValueError, match="in the units of the score"):
        compute_equivalence_probabilities([0.1, 0.2], test_over_train=0.5, rope=rope)
