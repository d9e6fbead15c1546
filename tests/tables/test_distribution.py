"""Distances between distributions: different distributions are found, and chance gives 0."""

import json

import numpy as np
import pytest

from sklearn_autotune.tables._distribution import describe_categories, describe_numbers, measure_shift

DRAWS = {
    "normal": lambda random, n: random.normal(size=n),
    "heavy tails": lambda random, n: random.standard_cauchy(size=n),
    "two values": lambda random, n: (random.rand(n) < 0.3).astype(float),
    "few values": lambda random, n: random.randint(0, 4, n).astype(float),
    "a constant": lambda random, n: np.ones(n),
}
SIZES = [(3, 1), (5, 50), (20, 20), (50, 5), (300, 80), (1000, 3000)]


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_numbers_of_the_same_distribution_have_no_distance(draw, sizes):
    random = np.random.RandomState(0)

    found = [measure_shift(draw(random, sizes[1]), describe_numbers(draw(random, sizes[0]))) for _ in range(100)]

    assert max(found) == 0.0


@pytest.mark.parametrize("n_categories", [1, 2, 10, 200])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_categories_of_the_same_distribution_have_no_distance(n_categories, sizes):
    random = np.random.RandomState(0)
    shares = random.dirichlet(np.ones(n_categories))

    def draw(n):
        return random.choice(n_categories, n, p=shares)

    found = [measure_shift(draw(sizes[1]), describe_categories(draw(sizes[0]), n_categories)) for _ in range(100)]

    assert max(found) == 0.0


def test_the_distance_of_numbers_is_that_of_kolmogorov_and_smirnov():
    random = np.random.RandomState(0)
    described = describe_numbers(random.normal(size=4000))

    # Normal distributions one standard deviation apart: 2 * Phi(1 / 2) - 1.
    assert measure_shift(random.normal(1.0, size=4000), described) == pytest.approx(0.383, abs=0.04)
    assert measure_shift(np.full(4000, 99.0), described) == 1.0
    assert measure_shift(np.full(4000, -99.0), described) == 1.0


def test_the_distance_of_categories_is_the_total_variation():
    described = describe_categories(np.repeat([0, 1], [990, 10]), 2)

    assert measure_shift(np.ones(50), described) == pytest.approx(0.99)
    assert measure_shift(np.repeat([0, -1], [60, 40]), described) == pytest.approx(0.4)


def test_the_more_columns_are_looked_at_the_larger_a_distance_has_to_be():
    described = describe_numbers(np.linspace(0, 1, 100))
    values = np.linspace(0.35, 1.35, 100)

    assert measure_shift(values, described) > 0.3
    assert measure_shift(values, described, n_columns=10_000) == 0.0


def test_without_values_there_is_no_distance():
    for described in (describe_numbers(np.array([])), describe_categories(np.array([]), 0), {}):
        assert measure_shift(np.ones(5), json.loads(json.dumps(described))) == 0.0
    assert measure_shift(np.array([]), describe_numbers(np.ones(5))) == 0.0
