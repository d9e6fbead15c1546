"""Fronts and hypervolumes, against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_autotune.objectives._front import compute_hypervolume, find_front, find_knee, rank_fronts

POINTS = st.integers(1, 3).flatmap(
    lambda n: arrays(float, st.tuples(st.integers(1, 12), st.just(n)), elements=st.integers(0, 5).map(float))
)


def beats(one, other):
    return (one >= other).all() and (one > other).any()


@given(POINTS)
def test_the_front_has_the_points_that_no_other_beats(values):
    expected = [not any(beats(other, one) for other in values) for one in values]

    assert find_front(values).tolist() == expected


@given(POINTS)
def test_each_front_is_that_of_the_points_after_the_fronts_before(values):
    ranks = rank_fronts(values)

    for rank in range(ranks.max() + 1):
        left = values[ranks >= rank]
        assert (find_front(left) == (ranks[ranks >= rank] == rank)).all()


def test_points_without_a_value_are_not_on_the_front():
    assert find_front(np.array([[np.nan, 9.0], [1.0, 1.0], [np.inf, 2.0]])).tolist() == [False, True, False]


@given(POINTS)
def test_the_hypervolume_is_the_number_of_cells_below_a_point(values):
    cells = np.stack(np.meshgrid(*[np.arange(5)] * values.shape[1], indexing="ij"), axis=-1).reshape(
        -1, values.shape[1]
    )
    expected = sum(any((cell + 1 <= point).all() for point in values) for cell in cells)

    assert compute_hypervolume(values, np.zeros(values.shape[1])) == pytest.approx(expected)


def test_the_hypervolume_is_measured_from_the_reference():
    values = np.array([[1.0, 1.0], [-5.0, 9.0]])

    assert compute_hypervolume(values, np.array([-1.0, -1.0])) == 4.0


@given(POINTS, st.floats(0.1, 10))
def test_the_knee_does_not_depend_on_units(values, factor):
    front = values[find_front(values)]
    scaled = front * np.array([factor, *[1.0] * (front.shape[1] - 1)])

    assert find_knee(front) == find_knee(scaled)


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_of_two_points_the_knee_is_the_one_that_is_better_in_the_first_objective(order):
    front = np.array([[0.9, -30.0], [0.8, -10.0]])[order]

    assert front[find_knee(front)].tolist() == [0.9, -30.0]
