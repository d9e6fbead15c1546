"""One searched parameter: the values that are searched are those that the user wrote."""

from decimal import Decimal
from itertools import product

import numpy as np
import optuna
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution, IntDistribution
from sklearn.svm import SVC

from sklearn_autotune.space._dimensions import (
    NumericDimension,
    QuantileDimension,
    RandomDrawDimension,
    describe_value,
    make_value_key,
    read_dimension,
)
from tests.names import named
from tests.strategies import (
    SMOOTH,
    STEPPED,
    float_ranges,
    int_ranges,
    option_values,
    quantiles,
    quick,
    suggestions,
)

GRID_OF_QUANTILES = (1e-6, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1 - 1e-6)


def read(raw):
    return read_dimension("alpha", raw)


def list_options(raw):
    dimension = read(raw)
    return [dimension.decode(label) for label in dimension.list_values()]


def sample(dimension, n_values, seed):
    """Draw values as Optuna's random search does."""
    sampler = optuna.samplers.RandomSampler(seed=seed)
    distribution = dimension.distribution
    return [dimension.decode(sampler.sample_independent(None, None, "alpha", distribution)) for _ in range(n_values)]


def quantile_function(frozen):
    return frozen.ppf if hasattr(frozen, "ppf") else frozen.icdf


# -- scipy distributions that Optuna has too -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frozen", "expected"),
    [
        (scipy.stats.uniform(), FloatDistribution(0, 1)),
        (scipy.stats.uniform(2, 3), FloatDistribution(2, 5)),
        (scipy.stats.uniform(loc=-0.1, scale=0.3), FloatDistribution(-0.1, -0.1 + 0.3)),
        (scipy.stats.loguniform(1e-3, 1e2), FloatDistribution(1e-3, 1e2, log=True)),
        (scipy.stats.loguniform(1e-3, 1e2, scale=4), FloatDistribution(4e-3, 4e2, log=True)),
        (scipy.stats.reciprocal(2, 8), FloatDistribution(2, 8, log=True)),
        (scipy.stats.randint(1, 10), IntDistribution(1, 9)),
        (scipy.stats.randint(1, 10, loc=5), IntDistribution(6, 14)),
        (scipy.stats.randint(-3, -2), IntDistribution(-3, -3)),
    ],
    ids=lambda entry: str(entry) if isinstance(entry, (FloatDistribution, IntDistribution)) else entry.dist.name,
)
def test_scipy_ranges_become_optuna_ranges_with_the_same_bounds(frozen, expected):
    dimension = read(frozen)

    assert isinstance(dimension, NumericDimension)
    assert dimension.distribution == expected


@pytest.mark.parametrize(
    "distribution", [FloatDistribution(0, 1), FloatDistribution(1, 9, step=2), IntDistribution(1, 8, log=True)], ids=str
)
def test_optuna_ranges_are_searched_as_they_are(distribution):
    assert read(distribution).distribution == distribution


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
@quick
def test_uniform_searches_exactly_its_support(loc, scale):
    distribution = read(scipy.stats.uniform(loc, scale)).distribution

    assert (distribution.low, distribution.high) == scipy.stats.uniform(loc, scale).support()


@given(st.integers(-1000, 1000), st.integers(1, 1000), st.integers(-50, 50))
@quick
def test_randint_searches_exactly_its_support(low, width, loc):
    distribution = read(scipy.stats.randint(low, low + width, loc=loc)).distribution

    assert (distribution.low, distribution.high) == (low + loc, low + loc + width - 1)


# -- everything else with a quantile function ----------------------------------------------------------------------


@pytest.mark.parametrize("frozen", SMOOTH + STEPPED, ids=lambda frozen: type(frozen).__name__)
def test_a_suggested_quantile_is_decoded_by_the_quantile_function(frozen):
    dimension = read(frozen)
    decoded = [dimension.decode(quantile) for quantile in GRID_OF_QUANTILES]

    assert isinstance(dimension, QuantileDimension)
    assert decoded == [float(quantile_function(frozen)(quantile)) for quantile in GRID_OF_QUANTILES]


def test_a_shifted_loguniform_below_zero_is_searched_by_its_quantiles():
    frozen = scipy.stats.loguniform(1, 10, loc=-5)

    assert read(frozen).decode(0.3) == frozen.ppf(0.3)


@pytest.mark.parametrize("frozen", STEPPED[:-1], ids=lambda frozen: type(frozen).__name__)
def test_a_discrete_distribution_gives_python_integers(frozen):
    assert {type(read(frozen).decode(quantile)) for quantile in GRID_OF_QUANTILES} == {int}


def test_whole_numbers_of_a_continuous_distribution_stay_floats():
    assert type(read(scipy.stats.norm()).decode(0.5)) is float


@pytest.mark.parametrize(
    "frozen",
    [*SMOOTH, *STEPPED],
    ids=lambda frozen: type(frozen).__name__,
)
def test_the_outermost_suggestions_are_finite_and_in_the_support(frozen):
    dimension = read(frozen)
    low, high = frozen.support()
    ends = [dimension.decode(dimension.distribution.low), dimension.decode(dimension.distribution.high)]

    assert np.isfinite(ends).all()
    assert low <= ends[0] <= ends[1] <= high


@pytest.mark.parametrize("frozen", [*SMOOTH, scipy.stats.uniform(2, 3)], ids=lambda frozen: type(frozen).__name__)
def test_random_search_of_a_continuous_distribution_draws_from_it(frozen):
    values = sample(read(frozen), 400, seed=0)

    assert scipy.stats.kstest(values, frozen.cdf).pvalue > 0.01


@pytest.mark.parametrize("frozen", [scipy.stats.loguniform(1e-3, 1e2), scipy.stats.reciprocal(2, 8)])
def test_random_search_of_a_log_range_draws_from_loguniform(frozen):
    values = sample(read(frozen), 400, seed=1)

    assert scipy.stats.kstest(values, frozen.cdf).pvalue > 0.01


@pytest.mark.parametrize(
    "frozen",
    [
        scipy.stats.binom(3, 0.4),
        scipy.stats.randint(2, 6),
        scipy.stats.rv_discrete(values=([1, 2, 8], [0.2, 0.3, 0.5])),
        scipy.stats.rv_discrete(values=([0.5, 1.5, 4.0], [0.2, 0.3, 0.5])),
    ],
    ids=["binom", "randint", "whole", "fractions"],
)
def test_random_search_of_a_discrete_distribution_draws_with_its_frequencies(frozen):
    values = sample(read(frozen), 500, seed=2)
    seen, counts = np.unique(values, return_counts=True)

    assert counts.sum() == 500
    assert scipy.stats.chisquare(counts, 500 * frozen.pmf(seen)).pvalue > 0.01


# -- empty and infinite ranges -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        scipy.stats.randint(5, 5),
        scipy.stats.randint(7, 3),
        scipy.stats.uniform(0, -1),
        scipy.stats.uniform(np.nan, 1),
        scipy.stats.uniform(0, np.inf),
        scipy.stats.uniform(-np.inf, 1),
        scipy.stats.loguniform(0, 1),
        scipy.stats.loguniform(10, 1),
        scipy.stats.norm(0, -1),
        scipy.stats.norm(np.nan, 1),
        scipy.stats.expon(scale=-1),
        scipy.stats.binom(10, 1.5),
        *([scipy.stats.Uniform(a=1, b=0)] if hasattr(scipy.stats, "Uniform") else []),  # new in SciPy 1.15
        FloatDistribution(0, np.inf),
        FloatDistribution(-np.inf, 0),
        FloatDistribution(0, np.nan),
        FloatDistribution(np.nan, 1),
    ],
    ids=lambda raw: f"{getattr(getattr(raw, 'dist', raw), 'name', '')}{getattr(raw, 'args', raw)}",
)
def test_an_empty_or_unbounded_range_is_refused_by_name(raw):
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match="'alpha'"):  # scipy computes inf * 0
        read(raw)


# -- there and back ------------------------------------------------------------------------------------------------


@given(st.lists(option_values(), min_size=1, max_size=6))
@quick
def test_every_choice_comes_back_from_its_label(options):
    dimension = read(options)

    for option in options:
        assert make_value_key(dimension.decode(dimension.encode(option))) == make_value_key(option)


@given(int_ranges() | float_ranges(), st.data())
@quick
def test_every_number_of_a_range_comes_back(distribution, data):
    dimension = read(distribution)
    suggested = data.draw(suggestions(distribution))

    assert dimension.encode(dimension.decode(suggested)) == suggested


@given(st.sampled_from(SMOOTH), quantiles())
@quick
def test_every_quantile_of_a_smooth_distribution_comes_back(frozen, quantile):
    dimension = read(frozen)

    assert dimension.encode(dimension.decode(quantile)) == pytest.approx(quantile, rel=1e-6, abs=1e-9)


@given(st.sampled_from(STEPPED), quantiles())
@quick
def test_every_value_of_a_discrete_distribution_comes_back(frozen, quantile):
    dimension = read(frozen)
    value = dimension.decode(quantile)

    assert dimension.decode(dimension.encode(value)) == value


@given(st.sampled_from([scipy.stats.poisson(3), scipy.stats.binom(10, 0.3)]), st.integers(0, 8))
@quick
def test_a_value_of_a_discrete_distribution_is_asked_for_in_the_middle_of_its_step(frozen, value):
    # At the edge of the step, rounding would decide between this value and the next.
    assert read(frozen).encode(value) == pytest.approx((frozen.cdf(value - 1) + frozen.cdf(value)) / 2)


@given(int_ranges() | float_ranges())
@quick
def test_the_values_of_a_stepped_range_are_all_it_can_suggest(distribution):
    dimension = read(distribution)
    if dimension.size is None:
        with pytest.raises(ValueError, match="no finite number of values"):
            dimension.list_values()
        return

    values = dimension.list_values()

    assert len(values) == dimension.size == len(set(values))
    assert (values[0], values[-1]) == (distribution.low, distribution.high)


def test_the_values_of_a_stepped_range_are_the_decimals_that_optuna_accepts():
    """Sums of floats exceed the upper end of one in six of these ranges."""
    n_ranges = 0
    for low, step, n_steps in product(
        ("0", "0.1", "-1", "0.05", "1", "-0.3"), ("0.1", "0.05", "0.3", "0.01", "0.7", "0.15"), (1, 2, 3, 7, 10)
    ):
        decimals = [Decimal(low) + index * Decimal(step) for index in range(n_steps + 1)]
        distribution = FloatDistribution(float(low), float(decimals[-1]), step=float(step))
        dimension = read(distribution)

        assert dimension.list_values() == [float(decimal) for decimal in decimals]
        for value in dimension.list_values():
            optuna.trial.create_trial(value=0.0, params={"a": value}, distributions={"a": distribution})
            assert dimension.encode(value) == dimension.decode(value) == value
        n_ranges += 1
    assert n_ranges == 180


@pytest.mark.parametrize("n_steps", range(11))
def test_a_sum_of_floats_is_the_step_that_it_stands_for(n_steps):
    dimension = read(FloatDistribution(0, 1, step=0.1))

    assert dimension.encode(n_steps * 0.1) == dimension.decode(n_steps * 0.1) == n_steps / 10


def test_a_number_between_the_steps_is_what_the_sampler_says():
    assert read(FloatDistribution(0, 1, step=0.1)).decode(0.15) == 0.15
    assert read(IntDistribution(0, 10, step=5)).decode(3) == 3


def test_large_integers_are_exact():
    dimension = read(IntDistribution(0, 2**60, step=1))

    assert dimension.encode(2**53 + 1) == dimension.decode(2**53 + 1) == 2**53 + 1


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (["a", "b"], "c"),
        ([SVC()], SVC(C=3)),
        (IntDistribution(1, 5), 6),
        (IntDistribution(1, 5), 2.5),
        (IntDistribution(1, 5), True),
        (IntDistribution(1, 5), "2"),
        pytest.param(
            IntDistribution(0, 10, step=5),
            3,
        ),
        (FloatDistribution(0, 1), 1.5),
        (FloatDistribution(0, 1), np.nan),
        (FloatDistribution(0, 1), None),
        pytest.param(
            FloatDistribution(0, 1, step=0.25),
            0.3,
        ),
        (scipy.stats.expon(), -1.0),
        (scipy.stats.binom(10, 0.3), 2.5),
        (scipy.stats.binom(10, 0.3), 11),
        (scipy.stats.norm(), np.nan),
        pytest.param(
            scipy.stats.norm(),
            "a lot",
        ),
        pytest.param(
            scipy.stats.norm(),
            None,
        ),
        (scipy.stats.rv_discrete(values=([0.5, 4.0], [0.5, 0.5])), 2.0),
        (scipy.stats.dirichlet([1, 1]), np.array([[0.5, 0.5]])),
    ],
    ids=lambda entry: getattr(getattr(entry, "dist", None), "name", None) or named(entry),
)
def test_a_value_outside_is_refused(raw, value):
    with pytest.raises(ValueError, match=r"not among|outside|between|not a number|not a value|cannot be"):
        read(raw).encode(value)


# -- objects that only draw ----------------------------------------------------------------------------------------


class Dice:
    """Knows nothing but how to draw."""

    def rvs(self, size=None, random_state=None):
        return int(np.random.RandomState(random_state.randint(2**31)).randint(1, 7))


@pytest.mark.parametrize("source", [scipy.stats.dirichlet([1, 2, 3]), Dice()], ids=["dirichlet", "own class"])
def test_an_object_with_only_rvs_draws_the_same_from_the_same_seed(source):
    dimension = read(source)

    assert isinstance(dimension, RandomDrawDimension)
    np.testing.assert_array_equal(dimension.decode(3), dimension.decode(3))


@pytest.mark.parametrize("source", [scipy.stats.dirichlet([1, 2, 3]), Dice()], ids=["dirichlet", "own class"])
def test_an_object_with_only_rvs_draws_differently_from_different_seeds(source):
    drawn = {str(read(source).decode(seed)) for seed in range(20)}

    assert len(drawn) > 1


def test_random_search_of_an_object_with_only_rvs_draws_from_it():
    faces, counts = np.unique(sample(read(Dice()), 600, seed=0), return_counts=True)

    assert faces.tolist() == [1, 2, 3, 4, 5, 6]
    assert scipy.stats.chisquare(counts).pvalue > 0.01


def test_drawing_leaves_the_global_random_state_alone():
    before = np.random.get_state()[1].copy()
    read(scipy.stats.dirichlet([1, 2, 3])).decode(3)

    assert (np.random.get_state()[1] == before).all()


def test_a_set_is_described_in_an_order_that_is_the_same_in_every_process():
    assert describe_value(set("hgfedcba")) == f"set [{', '.join(f'str {letter!r}' for letter in 'abcdefgh')}]"
    assert describe_value(frozenset({2, 1})) == "frozenset [int 1, int 2]"
