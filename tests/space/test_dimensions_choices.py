"""Lists are choices: the estimator receives the very objects, the study stores labels, and equal values are one."""

import copy

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_autotune.space._dimensions import ChoiceDimension, make_value_key, read_dimension
from tests.strategies import (
    different_plain_values,
    option_values,
    quick,
)


def read(raw):
    return read_dimension("alpha", raw)


def list_options(raw):
    dimension = read(raw)
    return [dimension.decode(label) for label in dimension.list_values()]


# -- lists are choices ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [[0.1, 1.0], [1, 100], (0.5, 0.7), [True, False], ["a"], [0.0, 1.0]], ids=repr)
def test_a_list_is_choices_even_where_it_looks_like_a_range(raw):
    dimension = read(raw)

    assert isinstance(dimension, ChoiceDimension)
    assert list_options(raw) == list(raw)


def test_true_and_one_and_one_point_zero_are_three_choices():
    chosen = list_options([1, True, 1.0])

    assert [(type(option), option) for option in chosen] == [(int, 1), (bool, True), (float, 1.0)]


def test_false_and_zero_are_two_choices():
    assert [type(option) for option in list_options([0, False])] == [int, bool]


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
    chosen = list_options(options)

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
    chosen = list_options(options)

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
    assert list_options(options) == expected


def test_equal_estimators_are_recognised_by_value_and_kept_once():
    chosen = list_options([SVC(C=2), SVC(C=2), SVC(C=3), make_pipeline(SVC()), make_pipeline(SVC())])

    assert [str(option) for option in chosen] == [str(SVC(C=2)), str(SVC(C=3)), str(make_pipeline(SVC()))]


def test_equal_arrays_are_kept_once():
    assert len(list_options([np.arange(3), np.arange(3), np.arange(3.0)])) == 2


def test_an_estimator_is_found_among_the_choices_by_its_value():
    dimension = read([SVC(), SVC(C=2)])

    assert dimension.decode(dimension.encode(SVC(C=2))).C == 2


def test_numpy_scalars_are_choices_of_their_own_type():
    chosen = list_options([np.float64(0.5), np.int64(3), np.str_("a"), np.bool_(True)])

    assert [type(option) for option in chosen] == [np.float64, np.int64, np.str_, np.bool_]


@pytest.mark.parametrize(
    ("raw", "value"),
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
def test_a_number_is_found_among_equal_numpy_scalars_and_the_other_way_round(raw, value):
    dimension = read(raw)

    assert dimension.decode(dimension.encode(value)) == value


@pytest.mark.parametrize(
    ("raw", "expected"),
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
    ids=lambda raw: type(raw).__module__.partition(".")[0] + "." + type(raw).__name__,
)
def test_whatever_has_an_order_and_a_length_is_a_list(raw, expected):
    assert [option.tolist() if hasattr(option, "tolist") else option for option in list_options(raw)] == expected


@pytest.mark.parametrize(
    "raw",
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
        FloatDistribution,
    ],
    ids=lambda raw: getattr(raw, "__name__", type(raw).__name__),
)
def test_what_is_no_list_and_no_distribution_is_refused_by_name(raw):
    with pytest.raises(TypeError, match=r"'alpha'.*needs to be a list .* wrapped in a list with one element"):
        read(raw)


@pytest.mark.parametrize("raw", [scipy.stats.loguniform, scipy.stats.randint], ids=lambda raw: raw.name)
def test_a_distribution_without_its_arguments_is_refused_by_name(raw):
    with pytest.raises(TypeError, match=rf"'alpha'.* scipy.stats.{raw.name} without its arguments \(.+\)"):
        read(raw)


def test_a_distribution_that_needs_no_arguments_is_its_standard_form():
    assert read(scipy.stats.uniform).distribution == FloatDistribution(0.0, 1.0)


@pytest.mark.parametrize("raw", [[], (), np.array([]), pd.Series([], dtype=float), range(0)], ids=repr)
def test_an_empty_list_is_refused_by_name(raw):
    with pytest.raises(ValueError, match=r"'alpha'.* non-empty"):
        read(raw)


# -- keys of values ------------------------------------------------------------------------------------------------


@given(option_values())
@quick
def test_the_key_of_a_copy_is_the_key(value):
    assert make_value_key(copy.deepcopy(value)) == make_value_key(value)


@given(different_plain_values(min_size=2, max_size=6))
@quick
def test_different_plain_values_have_different_keys(values):
    assert len({make_value_key(value) for value in values}) == len(values)


def test_objects_that_cannot_be_pickled_are_told_apart_by_identity():
    one, other = (lambda: 0), (lambda: 0)

    assert make_value_key(one) == make_value_key(one)
    assert make_value_key(one) != make_value_key(other)


def test_dicts_are_equal_in_any_order():
    assert make_value_key({"a": 1, "b": 2}) == make_value_key({"b": 2, "a": 1})


def test_equal_tuples_have_equal_keys_whether_or_not_they_share_their_parts():
    part = tuple(range(2))

    assert make_value_key((part, part)) == make_value_key((part, tuple(range(2))))
