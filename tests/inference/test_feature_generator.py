"""Columns made of pairs of columns: what they hold, which are chosen, and that only the training rows decide."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from sklearn_autotune.inference import _feature_generator
from sklearn_autotune.inference._feature_generator import (
    MAX_GENERATED,
    OPERATIONS,
    STATISTICS,
    Arithmetic,
    Cross,
    FeatureGenerator,
    GroupStatistic,
)

N_ROWS = 600
N_CATEGORIES = [0, 0, 9, 6]


@pytest.fixture(scope="module")
def table():
    """Two numbers and two categories with gaps, and a target for each kind of column."""
    random = np.random.RandomState(0)
    kind, colour = random.randint(0, 9, N_ROWS), random.randint(0, 6, N_ROWS)
    a, b = random.normal(size=(2, N_ROWS))
    a += 4 * random.normal(size=9)[kind]
    noise = 0.1 * random.normal(size=N_ROWS)
    targets = {
        "product": a * b + noise,
        "cross": random.normal(size=(9, 6))[kind, colour] + noise,
        "group": np.sin(2 * (a - np.bincount(kind, a)[kind] / np.bincount(kind)[kind])) + noise,
        "noise": random.normal(size=N_ROWS),
    }
    X = np.column_stack([a, b, kind, colour])
    X[::50, 0], X[::40, 2] = np.nan, np.nan
    return X, targets


def fit(X, y, n_categories=N_CATEGORIES, is_classification=False):
    return FeatureGenerator(n_categories, is_classification).fit(X, y)


def names(generator):
    return generator.get_feature_names_out(["a", "b", "kind", "colour"]).tolist()[4:]


# -- arithmetic ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "expected"),
    [("sum", [5, 1, np.nan]), ("difference", [1, 1, np.nan]), ("product", [6, 0, np.nan])],
)
def test_arithmetic_of_two_numbers_is_missing_where_one_is(operation, expected):
    X = np.array([[3.0, 2.0], [1.0, 0.0], [np.nan, 1.0]])

    np.testing.assert_array_equal(Arithmetic(operation, 0, 1).compute(X), expected)


def test_a_ratio_is_missing_where_the_divisor_is_0():
    X = np.array([[3.0, 2.0], [1.0, 0.0], [0.0, 0.0], [0.0, 5.0], [1.0, np.nan]])

    np.testing.assert_array_equal(Arithmetic("ratio", 0, 1).compute(X), [1.5, np.nan, np.nan, 0.0, np.nan])


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(width=32), st.floats(width=32)), min_size=1, max_size=20),
    st.sampled_from(OPERATIONS),
)
def test_arithmetic_is_a_number_that_a_model_can_read_or_missing(pairs, operation):
    X = np.array(pairs)
    X[np.isinf(X)] = np.nan

    with np.errstate(all="raise", under="ignore"):
        result = Arithmetic(operation, 0, 1).compute(X)

    assert not np.isinf(np.float32(result)).any()
    assert np.isnan(result[np.isnan(X).any(axis=1)]).all()


# -- crosses -------------------------------------------------------------------------------------------------------


def test_a_cross_has_a_code_for_each_pair_of_the_training_rows():
    X = np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 1.0], [2.0, 0.0], [np.nan, 1.0], [1.0, np.nan]])
    cross = Cross.fit(X, 0, 1)

    codes = cross.compute(X)

    assert cross.n_categories == 3
    assert codes[0] == codes[2]
    assert sorted(set(codes[:4])) == [0, 1, 2]
    assert np.isnan(codes[4:]).all()


def test_a_pair_that_is_not_known_is_missing():
    cross = Cross.fit(np.array([[0.0, 0.0], [1.0, 1.0]]), 0, 1)
    new = np.array([[0.0, 1.0], [7.0, 1.0], [0.0, 2.0], [0.0, 3.0], [1.0, 1.0]])

    np.testing.assert_array_equal(cross.compute(new), [np.nan] * 4 + [1.0])


def test_a_cross_without_any_known_pair_is_missing_everywhere():
    cross = Cross.fit(np.array([[np.nan, 0.0], [1.0, np.nan]]), 0, 1)

    assert cross.n_categories == 0
    assert np.isnan(cross.compute(np.array([[0.0, 0.0], [np.nan, 1.0]]))).all()


# -- group statistics ----------------------------------------------------------------------------------------------


def test_group_statistics_are_those_that_pandas_computes(table):
    X = table[0]
    frame = pd.DataFrame(X[:, [0, 3]], columns=["number", "level"])
    groups = frame.groupby("level")["number"]
    expected = {"mean": groups.transform("mean"), "spread": groups.transform(lambda values: values.std(ddof=0))}
    expected["distance"] = (frame["number"] - expected["mean"]) / expected["spread"]

    for statistic in STATISTICS:
        np.testing.assert_allclose(GroupStatistic.fit(X, statistic, 0, 3).compute(X), expected[statistic])


def test_rare_and_unknown_levels_have_the_statistics_of_all_rows():
    X = np.column_stack([np.arange(11.0), [0] * 5 + [1] * 5 + [2]])
    new = np.array([[9.0, 0.0], [9.0, 2.0], [9.0, 7.0], [9.0, np.nan]])

    for statistic, overall in zip(STATISTICS, (5.0, np.sqrt(10.0), 4 / np.sqrt(10.0)), strict=True):
        found = GroupStatistic.fit(X, statistic, 0, 1).compute(new)
        np.testing.assert_allclose(found[1:], overall)
        assert found[0] != pytest.approx(overall)


def test_rows_without_a_level_are_a_level_of_their_own():
    X = np.column_stack([np.arange(12.0), [0.0] * 6 + [np.nan] * 6])

    np.testing.assert_allclose(GroupStatistic.fit(X, "mean", 0, 1).compute(X), [2.5] * 6 + [8.5] * 6)


def test_missing_numbers_are_left_out_of_the_statistics_and_have_no_distance():
    X = np.column_stack([np.arange(12.0), [0.0, 1.0] * 6])
    X[:2, 0] = np.nan

    assert np.isnan(GroupStatistic.fit(X, "distance", 0, 1).compute(X)[:2]).all()
    np.testing.assert_allclose(GroupStatistic.fit(X, "mean", 0, 1).compute(X), [6.0, 7.0] * 6)


def test_numbers_that_are_missing_or_constant_have_no_infinite_statistics():
    X = np.column_stack([np.full(20, np.nan), np.full(20, 3.0), np.arange(20.0) % 2])

    for statistic in STATISTICS:
        assert np.isnan(GroupStatistic.fit(X, statistic, 0, 2).compute(X)).all()
    np.testing.assert_array_equal(GroupStatistic.fit(X, "distance", 1, 2).compute(X), 0.0)


# -- the choice ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "found"), [("product", "a * b"), ("cross", "kind and colour"), ("group", "distance of a by kind")]
)
def test_the_columns_that_the_target_depends_on_are_made(table, target, found):
    X, targets = table

    assert found in names(fit(X, targets[target]))


def test_classes_have_their_columns_too(table):
    X, targets = table
    classes = np.digitize(targets["product"], [-0.5, 0.5])

    assert "a * b" in names(fit(X, classes, is_classification=True))


def test_nothing_is_made_where_it_would_say_nothing(table):
    X, targets = table

    generator = fit(X, targets["noise"])

    assert generator.generated_ == []
    np.testing.assert_array_equal(generator.transform(X), X)
    assert generator.n_categories_.tolist() == N_CATEGORIES


def test_nothing_is_made_where_it_would_say_little(table, monkeypatch):
    X, targets = table
    y = 0.2 * targets["product"] + targets["noise"]

    assert fit(X, y).generated_ == []
    monkeypatch.setattr(_feature_generator, "MAX_ERROR_SHARE", 1.0)
    assert "a * b" in names(fit(X, y))


def test_the_tables_columns_come_first_then_those_that_are_made(table):
    X, targets = table
    generator = fit(X, targets["cross"])

    made = generator.transform(X)

    np.testing.assert_array_equal(made[:, :4], X)
    assert made.shape == (N_ROWS, len(generator.n_categories_))
    codes = made[:, generator.n_categories_ == 54]
    assert np.isnan(codes[np.isnan(X[:, 2])]).all()
    assert np.nanmax(codes) == 53
    assert generator.get_feature_names_out()[:4].tolist() == ["x0", "x1", "x2", "x3"]
    assert len(generator.get_feature_names_out()) == made.shape[1]


def test_rows_that_are_not_fitted_change_nothing(table):
    X, targets = table
    y = targets["group"]
    changed, other = X.copy(), y.copy()
    changed[400:, :2] *= -7
    other[400:] = other[400:][::-1]

    first, second = fit(X[:400], y[:400]), fit(changed[:400], other[:400])

    np.testing.assert_array_equal(first.transform(X[:400]), second.transform(X[:400]))
    np.testing.assert_array_equal(first.transform(X)[400:], first.transform(X[400:]))


def test_columns_that_are_not_numbers_or_categories_are_left_out(table):
    X, targets = table

    assert fit(X, targets["product"], [0, -1, -1, 6]).generated_ == []


@pytest.mark.parametrize("n_columns", [1, 2, 100])
def test_few_columns_are_made_of_any_number_of_columns(n_columns):
    random = np.random.RandomState(1)
    X = random.normal(size=(300, n_columns))
    y = sum(X[:, index] * X[:, (index + 1) % n_columns] for index in range(n_columns))

    generator = fit(X, y, [0] * n_columns)

    assert len(generator.generated_) <= min(MAX_GENERATED, 300 // _feature_generator.ROWS_PER_GENERATED)


@pytest.mark.parametrize("is_classification", [True, False])
@pytest.mark.parametrize("value", [np.nan, 2.0])
def test_constant_columns_are_of_no_use(value, is_classification):
    X = np.full((80, 4), value)

    assert fit(X, np.arange(80) % 2, is_classification=is_classification).generated_ == []


@pytest.mark.parametrize("is_classification", [True, False])
def test_a_constant_target_leaves_nothing_to_explain(table, is_classification):
    assert fit(table[0], np.ones(N_ROWS), is_classification=is_classification).generated_ == []


def test_the_unit_of_the_target_does_not_matter(table):
    X, targets = table

    assert names(fit(X, 1e200 * targets["product"])) == names(fit(X, targets["product"]))


def test_numbers_of_any_size_are_read(table):
    X, targets = table
    large = X * [1e38, 1e-300, 1, 1]

    made = fit(large, targets["product"]).transform(large)

    assert np.isfinite(np.float32(made[:, 4:][~np.isnan(made[:, 4:])])).all()


def test_a_table_of_few_rows_gets_no_columns(table):
    X, targets = table

    assert fit(X[:8], targets["product"][:8]).generated_ == []


def test_of_many_rows_some_are_used_for_the_choice_and_all_for_the_statistics(table, monkeypatch):
    X, targets = table
    monkeypatch.setattr(_feature_generator, "MAX_ROWS", 300)

    first, again = fit(X, targets["group"]), fit(X, targets["group"])

    assert names(first) == names(again)
    found = next(column for column in first.generated_ if isinstance(column, GroupStatistic))
    np.testing.assert_array_equal(found.table, GroupStatistic.fit(X, "mean", found.number, found.category).table)


def test_a_generator_can_be_cloned_and_pickled(table):
    X, targets = table
    generator = fit(X, targets["cross"])

    loaded = pickle.loads(pickle.dumps(generator))

    np.testing.assert_array_equal(loaded.transform(X), generator.transform(X))
    np.testing.assert_array_equal(clone(generator).fit(X, targets["cross"]).transform(X), generator.transform(X))
    assert not hasattr(clone(generator), "generated_")
