"""Raw tables as numbers: which columns are dropped, which may come in another order, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError

from sklearn_autotune.inference._table_reader import TableReader, reorder_columns

TABLE = pd.DataFrame(
    {
        "size": [1.0, 2.0, 3.0, 4.0],
        "same": [7, 7, 7, 7],
        "color": ["red", "green", "blue", "red"],
        "nothing": [None] * 4,
        "seldom": [7, None, 7, 7],
    }
)
READ = [[1, 2, 7], [2, 1, np.nan], [3, 0, 7], [4, 2, 7]]


def test_constant_and_empty_columns_are_dropped_and_those_with_gaps_are_kept():
    reader = TableReader()

    np.testing.assert_array_equal(reader.fit_transform(TABLE), READ)
    assert reader.is_constant_.tolist() == [False, True, False, True, False]
    assert reader.n_features_in_ == 5
    np.testing.assert_array_equal(TableReader().fit(TABLE).transform(TABLE), READ)


def test_the_columns_of_training_decide_what_is_dropped():
    reader = TableReader().fit(TABLE)

    new = TABLE.head(1).assign(same=8, nothing=9)
    np.testing.assert_array_equal(reader.transform(new), READ[:1])


def test_of_a_table_that_is_constant_throughout_one_column_is_kept():
    assert TableReader().fit_transform(np.ones((3, 4))).shape == (3, 1)


def test_numbers_of_categories_are_those_of_the_columns_that_are_kept():
    assert TableReader().fit(TABLE).n_categories_.tolist() == [0, 3, 0]


def test_columns_may_come_in_another_order():
    reader = TableReader().fit(TABLE)

    np.testing.assert_array_equal(reader.transform(TABLE[TABLE.columns[::-1]]), READ)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.rename(columns={"size": "length"}), "feature names"),
        (lambda table: table.assign(more=1), "feature names"),
        (lambda table: table.drop(columns="size"), "feature names"),
        (lambda table: table.assign(size="large"), "held numbers in training"),
    ],
)
def test_tables_with_other_columns_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        TableReader().fit(TABLE).transform(change(TABLE))


def test_arrays_with_another_number_of_columns_are_refused():
    reader = TableReader().fit(np.arange(6.0).reshape(3, 2))

    with pytest.raises(ValueError, match="has 3 features"):
        reader.transform(np.ones((2, 3)))


def test_sparse_tables_are_refused():
    with pytest.raises(TypeError, match="dense data is required"):
        TableReader().fit(csr_array(np.eye(3)))


def test_an_unfitted_reader_says_so():
    with pytest.raises(NotFittedError):
        TableReader().transform(TABLE)


def test_only_the_same_columns_are_put_in_order():
    names = ["size", "same", "color", "nothing", "seldom"]

    assert list(reorder_columns(TABLE[names[::-1]], names).columns) == names
    for other in (TABLE.assign(more=1), TABLE.drop(columns="size")):
        assert list(reorder_columns(other, names).columns) == list(other.columns)


def test_a_date_may_be_kept_in_part():
    day = pd.DataFrame({"x": pd.to_datetime(["2024-01-01 12:00", "2024-01-01 13:00"]), "y": [1, 2]})
    reader = TableReader().fit(day)

    np.testing.assert_array_equal(reader.transform(day), [[43200, 1], [46800, 2]])
    assert reader.n_features_in_ == 2
