import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from sklearn_autotune.samplers._unit_space import Conditions, Dimension, UnitSpace, find_first_new

SPACES = {
    "float": FloatDistribution(-2.5, 3.5),
    "log": FloatDistribution(1e-7, 1e3, log=True),
    "step": FloatDistribution(0, 1, step=0.1),
    "int": IntDistribution(-5, 5),
    "int_log": IntDistribution(1, 200, log=True),
    "int_step": IntDistribution(0, 30, step=10),
    "choice": CategoricalDistribution([None, True, 3, 2.5, "rbf"]),
}


def draw(name, size=2000):
    dimension = Dimension(name, SPACES[name])
    return dimension, dimension.spread(np.random.default_rng(0).random(size))


@pytest.mark.parametrize("name", SPACES)
def test_drawn_values_are_of_the_distribution_and_are_read_again_as_the_same_numbers(name):
    dimension, numbers = draw(name)
    values = [dimension.decode(number) for number in numbers]

    assert all(SPACES[name]._contains(SPACES[name].to_internal_repr(value)) for value in values)
    np.testing.assert_allclose(dimension.encode(values), numbers, atol=1e-9)


@pytest.mark.parametrize("name", ["step", "int", "int_step", "choice"])
def test_all_values_are_drawn_equally_often(name):
    counts = np.unique(draw(name, 11_000)[1], return_counts=True)[1]

    assert counts.min() > 0.85 * counts.mean()
    assert counts.max() < 1.15 * counts.mean()


@pytest.mark.parametrize("name", SPACES)
def test_a_changed_number_is_a_number_of_the_range(name):
    dimension, numbers = draw(name)
    changed = dimension.change(numbers, np.full(len(numbers), 0.3), np.random.default_rng(1))
    values = [dimension.decode(number) for number in changed]

    assert all(SPACES[name]._contains(SPACES[name].to_internal_repr(value)) for value in values)
    assert np.mean(changed != numbers) > 0.5


def test_a_changed_choice_is_always_another_one():
    dimension, numbers = draw("choice")
    changed = dimension.change(numbers, np.ones(len(numbers)), np.random.default_rng(1))

    assert not np.any(changed == numbers)
    assert set(changed) == set(range(5))


def test_a_narrow_change_stays_near():
    dimension, numbers = draw("log")
    changed = dimension.change(numbers, np.full(len(numbers), 0.01), np.random.default_rng(1))

    assert np.abs(changed - numbers).max() < 0.05


def test_values_outside_of_the_range_count_as_its_ends():
    assert Dimension("x", SPACES["float"]).encode([99, -99]).tolist() == [1.0, 0.0]


def test_trees_read_a_column_for_each_of_several_choices_and_absent_parameters_as_outside_of_the_range():
    space = UnitSpace.from_distributions({"x": SPACES["float"], "c": CategoricalDistribution("pqr")})
    table = space.encode([{"c": "q", "x": 3.5}, {"x": -2.5}, {"c": "r"}])

    assert space.make_features(table).tolist() == [[0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 1, -1]]


def test_a_row_is_decoded_without_the_parameters_that_it_lacks():
    space = UnitSpace.from_distributions({"x": SPACES["int"], "c": SPACES["choice"]})

    assert space.decode(space.encode([{"x": -3}])[0]) == {"x": -3}
    assert space.decode(space.encode([{"x": 5, "c": None}])[0]) == {"x": 5, "c": None}


def test_absent_parameters_are_filled_and_present_ones_are_kept():
    table = np.array([[0.25, np.nan], [np.nan, 0.5]])
    filled = UnitSpace.from_distributions({"a": SPACES["float"], "b": SPACES["log"]}).fill(
        table, np.random.default_rng(0)
    )

    assert not np.isnan(filled).any()
    assert (filled[0, 0], filled[1, 1]) == (0.25, 0.5)


def test_conditions_on_conditional_and_numeric_parameters_are_learnt():
    def restrict(table):
        """Column 1 exists if column 0 is at least 2, and column 2 if column 1 is above a half."""
        table = table.copy()
        table[table[:, 0] < 2, 1] = np.nan
        table[~(table[:, 1] > 0.5), 2] = np.nan
        return table

    random = np.random.default_rng(0)
    full = np.column_stack([random.integers(4, size=300).astype(float), random.random(300), random.random(300)])
    conditions = Conditions(restrict(full[:200]))
    wrong = np.isnan(conditions.apply(full[200:])) != np.isnan(restrict(full[200:]))

    assert wrong.mean() < 0.01
    assert np.array_equal(Conditions(full).apply(full), full)


def test_the_first_new_candidate_is_found_if_parameters_are_absent_too():
    known = np.array([[0.1, np.nan], [0.3, 0.4]])

    assert find_first_new(np.array([[0.3, 0.4], [0.1, np.nan], [0.1, 0.2]]), known) == 2
    assert find_first_new(known, known) is None
