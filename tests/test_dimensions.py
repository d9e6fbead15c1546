"""One searched parameter: what the user spelled is what is searched."""

import copy

import numpy as np
import optuna
import pandas as pd
import polars as pl
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_autotune._dimensions import Choices, Draws, Numbers, Quantiles, read_dimension, value_key
from tests.names import named
from tests.strategies import (
    SMOOTH,
    STEPPED,
    different_plain_values,
    float_ranges,
    int_ranges,
    option_values,
    quantiles,
    quick,
    suggestions,
)

GRID_OF_QUANTILES = (1e-6, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1 - 1e-6)


def read(spelled):
    return read_dimension("alpha", spelled)


def options_of(spelled):
    dimension = read(spelled)
    return [dimension.decode(label) for label in dimension.values()]


def sample(dimension, n_values, seed):
    """Draw values as Optuna's random search does."""
    sampler = optuna.samplers.RandomSampler(seed=seed)
    distribution = dimension.distribution
    return [dimension.decode(sampler.sample_independent(None, None, "alpha", distribution)) for _ in range(n_values)]


def quantile_function(frozen):
    return frozen.ppf if hasattr(frozen, "ppf") else frozen.icdf


# -- lists are choices ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelled", [[0.1, 1.0], [1, 100], (0.5, 0.7), [True, False], ["a"], [0.0, 1.0]], ids=repr)
def test_a_list_is_choices_even_where_it_looks_like_a_range(spelled):
    dimension = read(spelled)

    assert isinstance(dimension, Choices)
    assert options_of(spelled) == list(spelled)


def test_true_and_one_and_one_point_zero_are_three_choices():
    chosen = options_of([1, True, 1.0])

    assert [(type(option), option) for option in chosen] == [(int, 1), (bool, True), (float, 1.0)]


def test_false_and_zero_are_two_choices():
    assert [type(option) for option in options_of([0, False])] == [int, bool]


@pytest.mark.parametrize(
    "options",
    [
        [None, 1, "auto"],
        [(100,), (50, 50)],
        [{0: 1, 1: 2}, {0: 1, 1: 5}, "balanced"],
        [[1], [2, 3]],
        [np.eye(2), np.ones((2, 3))],
        [np.mean, np.median, len],
        [SVC(), SVC(C=2), LogisticRegression()],
        [lambda x: x, lambda x: -x],
        [float("nan"), 0.5],
        [SVC, LogisticRegression],
        [float("inf"), 1.0],
        [b"a", "a"],
    ],
    ids=lambda options: type(options[0]).__name__,
)
def test_a_choice_is_given_to_the_estimator_as_the_very_object_in_the_list(options):
    chosen = options_of(options)

    assert len(chosen) == len(options)
    assert all(mine is theirs for mine, theirs in zip(chosen, options, strict=True))


@pytest.mark.parametrize(
    "options",
    [
        [None, 1, 0.5, "auto", True],
        [(100,), (50, 50)],
        [SVC(), LogisticRegression()],
        [1, True],
        [np.float32(0.5), np.float32(1.5)],
        [float("nan"), 0.5],
    ],
    ids=lambda options: type(options[0]).__name__,
)
def test_optuna_sees_only_plain_labels_which_it_can_store(options):
    labels = read(options).distribution.choices

    assert all(type(label) in (type(None), bool, int, float, str) for label in labels)


@given(st.lists(option_values(), min_size=1, max_size=6))
@quick
def test_labels_tell_all_choices_apart(options):
    labels = read(options).distribution.choices

    assert len(set(labels)) == len(labels)


@given(different_plain_values(max_size=6))
@quick
def test_different_plain_options_are_all_kept_in_their_order(options):
    chosen = options_of(options)

    assert [(type(option), repr(option)) for option in chosen] == [(type(option), repr(option)) for option in options]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([1, 1, 2], [1, 2]),
        pytest.param(
            ["a", "b", "a"],
            ["a", "b"],
        ),
        pytest.param(
            [3, 1, 2, 1, 3],
            [3, 1, 2],
        ),
        ([float("nan"), float("nan"), 0.5], [pytest.approx(float("nan"), nan_ok=True), 0.5]),
    ],
    ids=repr,
)
def test_equal_options_are_kept_once_where_they_first_stand(options, expected):
    assert options_of(options) == expected


def test_equal_estimators_are_recognised_by_value_and_kept_once():
    chosen = options_of([SVC(C=2), SVC(C=2), SVC(C=3), make_pipeline(SVC()), make_pipeline(SVC())])

    assert [str(option) for option in chosen] == [str(SVC(C=2)), str(SVC(C=3)), str(make_pipeline(SVC()))]


def test_equal_arrays_are_kept_once():
    assert len(options_of([np.arange(3), np.arange(3), np.arange(3.0)])) == 2


def test_an_estimator_is_found_among_the_choices_by_its_value():
    dimension = read([SVC(), SVC(C=2)])

    assert dimension.decode(dimension.encode(SVC(C=2))).C == 2


def test_numpy_scalars_are_choices_of_their_own_type():
    chosen = options_of([np.float64(0.5), np.int64(3), np.str_("a"), np.bool_(True)])

    assert [type(option) for option in chosen] == [np.float64, np.int64, np.str_, np.bool_]


@pytest.mark.parametrize(
    ("spelled", "value"),
    [
        pytest.param(
            np.arange(3),
            1,
            id="arange",
        ),
        pytest.param(
            [1, 2],
            np.int64(1),
            id="int64",
        ),
        pytest.param(np.array([0.5, 1.5]), 0.5, id="float64"),
        pytest.param(np.array(["a", "b"]), "b", id="str"),
    ],
)
def test_a_number_is_found_among_equal_numpy_scalars_and_the_other_way_round(spelled, value):
    dimension = read(spelled)

    assert dimension.decode(dimension.encode(value)) == value


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        (pd.Series([0.5, 1.5], index=[7, 3]), [0.5, 1.5]),
        (pd.Series(["a", "b"]), ["a", "b"]),
        (pd.Index([1, 2]), [1, 2]),
        (pl.Series([1, 2]), [1, 2]),
        (pl.Series(["a", None]), ["a", None]),
        (range(1, 6, 2), [1, 3, 5]),
        (np.array([0.01, 0.1, 1.0]), [0.01, 0.1, 1.0]),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (CategoricalDistribution(("a", None)), ["a", None]),
        ({"b": 1}.values(), [1]),
    ],
    ids=lambda spelled: type(spelled).__module__.partition(".")[0] + "." + type(spelled).__name__,
)
def test_whatever_has_an_order_and_a_length_is_a_list(spelled, expected):
    assert [option.tolist() if hasattr(option, "tolist") else option for option in options_of(spelled)] == expected


@pytest.mark.parametrize(
    "spelled",
    [
        {1, 2},
        frozenset({1}),
        "linear",
        b"linear",
        {"a": 1},
        3,
        0.5,
        None,
        True,
        np.float64(0.5),
        SVC(),
        make_pipeline(StandardScaler()),
        pytest.param(
            RandomForestClassifier(),
        ),
        pytest.param(
            np.array(3),
        ),
        (value for value in [1, 2]),
        len,
    ],
    ids=lambda spelled: type(spelled).__name__,
)
def test_what_is_no_list_and_no_distribution_is_refused_by_name(spelled):
    with pytest.raises(TypeError, match=r"'alpha'.*needs to be a list .* wrapped in a list with one element"):
        read(spelled)


@pytest.mark.parametrize("spelled", [[], (), np.array([]), pd.Series([], dtype=float), range(0)], ids=repr)
def test_an_empty_list_is_refused_by_name(spelled):
    with pytest.raises(ValueError, match=r"'alpha'.* non-empty"):
        read(spelled)


# -- keys of values ------------------------------------------------------------------------------------------------


@given(option_values())
@quick
def test_the_key_of_a_copy_is_the_key(value):
    assert value_key(copy.deepcopy(value)) == value_key(value)


@given(different_plain_values(min_size=2, max_size=6))
@quick
def test_different_plain_values_have_different_keys(values):
    assert len({value_key(value) for value in values}) == len(values)


def test_objects_that_cannot_be_pickled_are_told_apart_by_identity():
    one, other = (lambda: 0), (lambda: 0)

    assert value_key(one) == value_key(one)
    assert value_key(one) != value_key(other)


def test_dicts_are_equal_in_any_order():
    assert value_key({"a": 1, "b": 2}) == value_key({"b": 2, "a": 1})


def test_equal_tuples_have_equal_keys_whether_or_not_they_share_their_parts():
    part = tuple(range(2))

    assert value_key((part, part)) == value_key((part, tuple(range(2))))


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

    assert isinstance(dimension, Numbers)
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

    assert isinstance(dimension, Quantiles)
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
    "spelled",
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
    ids=lambda spelled: f"{getattr(getattr(spelled, 'dist', spelled), 'name', '')}{getattr(spelled, 'args', spelled)}",
)
def test_an_empty_or_unbounded_range_is_refused_by_name(spelled):
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match="'alpha'"):  # scipy computes inf * 0
        read(spelled)


# -- there and back ------------------------------------------------------------------------------------------------


@given(st.lists(option_values(), min_size=1, max_size=6))
@quick
def test_every_choice_comes_back_from_its_label(options):
    dimension = read(options)

    for option in options:
        assert value_key(dimension.decode(dimension.encode(option))) == value_key(option)


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
            dimension.values()
        return

    values = dimension.values()

    assert len(values) == dimension.size == len(set(values))
    assert (values[0], values[-1]) == (distribution.low, distribution.high)


@pytest.mark.parametrize(
    ("spelled", "value"),
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
def test_a_value_outside_is_refused(spelled, value):
    with pytest.raises(ValueError, match=r"not among|outside|between|not a number|no value|cannot be"):
        read(spelled).encode(value)


# -- objects that only draw ----------------------------------------------------------------------------------------


class Dice:
    """Knows nothing but how to draw."""

    def rvs(self, size=None, random_state=None):
        return int(np.random.RandomState(random_state.randint(2**31)).randint(1, 7))


@pytest.mark.parametrize("source", [scipy.stats.dirichlet([1, 2, 3]), Dice()], ids=["dirichlet", "own class"])
def test_an_object_with_only_rvs_draws_the_same_from_the_same_seed(source):
    dimension = read(source)

    assert isinstance(dimension, Draws)
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
