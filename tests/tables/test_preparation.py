"""How numbers and categories are prepared for each kind of model, on training rows and on new ones."""

import joblib
import numpy as np
import pytest

from sklearn_autotune.tables._preparation import MAX_CATEGORIES, make_preparation, prepare_rows, take_in_columns
from sklearn_autotune.tables._shared_steps import SharedSteps
from tests.allocations import measure_peak

N_ROWS = 400
# A number with gaps and an outlier, a few categories with gaps, many categories.
N_CATEGORIES = np.array([0, 3, 40])
KINDS = ("scaled", "coded", "native")


@pytest.fixture(scope="module")
def data():
    random = np.random.RandomState(0)
    X = np.column_stack([random.normal(size=N_ROWS), random.randint(0, 3, N_ROWS), random.randint(0, 40, N_ROWS)])
    X[0, 0] = 1e6
    X[5::10, 0] = np.nan
    X[7::10, 1] = np.nan
    return X, random.randint(0, 2, N_ROWS)


def prepare(kind, data, n_categories=N_CATEGORIES, is_classification=True):
    X, y = data
    preparation = make_preparation(kind, n_categories, len(X), is_classification)
    return preparation, preparation.fit_transform(X, y)


def test_models_that_want_everything_scaled_get_no_gaps_and_no_outliers(data):
    preparation, prepared = prepare("scaled", data)

    assert np.isfinite(prepared).all()
    assert np.abs(prepared).max() == 5
    # The number and whether it was missing, three categories and the missing one, the target's mean and the rows.
    assert prepared.shape == (N_ROWS, 2 + 4 + 2)
    assert np.isfinite(preparation.transform(np.full((1, 3), np.nan))).all()


def test_trees_get_numbers_as_they_are_and_categories_as_columns(data):
    _, prepared = prepare("coded", data)

    np.testing.assert_array_equal(prepared[:, 0], data[0][:, 0])
    one_hot = prepared[:, 1:5]
    np.testing.assert_array_equal(one_hot.sum(axis=1), 1)
    np.testing.assert_array_equal(one_hot[:, 0] == 1, np.isnan(data[0][:, 1]))
    assert prepared.shape == (N_ROWS, 1 + 4 + 2)
    assert 0 <= prepared[:, 5].min() < prepared[:, 5].max() <= 1  # means of the target


def test_models_with_categories_of_their_own_get_the_codes_of_few_categories(data):
    prepared = prepare("native", data)[1]

    np.testing.assert_array_equal(prepared[:, :2], data[0][:, :2])
    assert prepared.shape == (N_ROWS, 2 + 2)


@pytest.mark.parametrize("kind", KINDS)
def test_beyond_a_number_of_categories_statistics_of_the_target_take_their_place(kind):
    rows = np.arange(1200.0)

    for n_categories, is_mean in ((MAX_CATEGORIES, False), (MAX_CATEGORIES + 1, True)):
        # Two classes that depend on nothing but the code, so that a mean is the class.
        X = (rows % n_categories)[:, None]
        y = (X[:, 0] % 2).astype(int)
        _, prepared = prepare(kind, (X, y), np.array([n_categories]))
        means = (prepared[:, 0] > prepared[:, 0].mean()).astype(int)
        assert (prepared.shape[1] == 2 and bool((means == y).all())) == is_mean


@pytest.mark.parametrize("is_classification", [True, False])
def test_a_training_rows_own_target_has_no_part_in_its_mean(is_classification):
    """Each category has two rows: a mean over both would say much of the target, the mean over the others nothing."""
    random = np.random.RandomState(0)
    X = np.repeat(np.arange(200.0), 2)[random.permutation(400)][:, None]
    y = random.permutation(np.arange(400) % 2).astype(int if is_classification else float)

    preparation, prepared = prepare("coded", (X, y), np.array([200]), is_classification)

    assert abs(np.corrcoef(prepared[:, 0], y)[0, 1]) < 0.2
    assert np.corrcoef(preparation.transform(X)[:, 0], y)[0, 1] > 0.6


@pytest.mark.parametrize("kind", KINDS)
def test_new_rows_have_the_same_columns_whatever_is_missing_in_them(data, kind):
    preparation, prepared = prepare(kind, data)

    again = preparation.transform(np.array([[0.5, np.nan, np.nan], [np.nan, 1.0, 39.0]]))

    assert again.shape == (2, prepared.shape[1])


def test_rare_categories_share_a_column(data):
    X, y = data
    X = X.copy()
    X[:, 1] = np.where(np.arange(N_ROWS) < 4, np.arange(N_ROWS) % 2 + 1, 0)  # two categories of two rows each

    _, prepared = prepare("coded", (X, y))

    np.testing.assert_array_equal(prepared[:6, 1:3], [[0, 1]] * 4 + [[1, 0]] * 2)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_column_of_a_fold_is_no_hindrance(kind, data):
    X = data[0].copy()
    X[:, 0] = np.nan

    preparation, prepared = prepare(kind, (X, data[1]))

    assert preparation.transform(data[0]).shape == prepared.shape


# -- rows of a table of numbers ----------------------------------------------------------------------------------------


def prepare_part(kind, X, *, takes_numbers):
    rows = np.random.RandomState(1).permutation(len(X))[: len(X) * 3 // 4]
    steps = SharedSteps(X, np.zeros(X.shape[1], dtype=int), [], True)
    y = np.zeros(len(rows))
    fitted = steps.fit(rows, y, takes_numbers=takes_numbers)
    return prepare_rows(kind, fitted, X, rows, y, is_classification=True, folds=None)


@pytest.mark.parametrize("has_gaps", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_numbers_are_prepared_as_any_others(kind, dtype, has_gaps):
    X = np.random.RandomState(0).normal(size=(9000, 6)).astype(dtype)
    X[5::10, 2] = np.nan if has_gaps else 100.0
    before = X.copy()

    steps, expected = prepare_part(kind, X, takes_numbers=True)
    quick_steps, prepared = prepare_part(kind, X, takes_numbers=False)

    assert (prepared.dtype, prepared.flags.f_contiguous) == (expected.dtype, expected.flags.f_contiguous)
    assert prepared.tobytes("A") == expected.tobytes("A")
    assert joblib.hash(quick_steps) == joblib.hash(steps)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_numbers_are_copied_once_or_twice_if_they_are_clipped(kind):
    X = np.random.RandomState(0).normal(size=(100_000, 10))
    n_bytes = X.nbytes * 3 // 4

    max_copies = 2.5 if kind == "scaled" else 1.5

    assert measure_peak(lambda: prepare_part(kind, X, takes_numbers=False)) < max_copies * n_bytes
    assert measure_peak(lambda: prepare_part(kind, X, takes_numbers=True)) > 3 * n_bytes


def test_rows_are_taken_in_the_order_of_their_numbers():
    X = np.random.RandomState(0).normal(size=(10_000, 3))
    rows = np.random.RandomState(1).permutation(10_000)

    np.testing.assert_array_equal(take_in_columns(X, rows, np.float32), X[rows].astype(np.float32))
