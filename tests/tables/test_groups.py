"""Groups of rows, and columns that look like them."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.model_selection import GroupKFold

from sklearn_autotune.inference._table_reader import TableReader
from sklearn_autotune.tables._groups import read_groups, warn_about_group_columns
from sklearn_autotune.tables._table_data import read_table

N_GROUPS, N_ROWS = 30, 150
GROUPS = np.arange(N_ROWS) % N_GROUPS
LEVELS = np.random.RandomState(0).normal(size=N_GROUPS)
AMOUNTS = LEVELS[GROUPS] + 0.1 * np.random.RandomState(1).normal(size=N_ROWS)
CLASSES = np.where(LEVELS[GROUPS] > 0, "yes", "no")


def warn(X, y=AMOUNTS):
    warn_about_group_columns(X, y, is_classification=y.dtype.kind == "U")


@pytest.mark.parametrize(
    "groups",
    [
        ["b", "a", "b", "c"],
        np.array([7, 3, 7, 5]),
        pd.Series(["b", "a", "b", "c"], dtype="category"),
        pd.Series([2.5, -1.0, 2.5, 0.0], index=[9, 8, 7, 6]),
        pd.to_datetime(["2026-01-02", "2026-01-01", "2026-01-02", "2026-01-03"]),
    ],
    ids=["strings", "numbers", "categories", "series", "dates"],
)
def test_groups_are_numbered_by_their_first_rows(groups):
    assert read_groups(groups).tolist() == [0, 1, 0, 2]


@pytest.mark.parametrize("gap", [None, np.nan, pd.NA, pd.NaT], ids=str)
def test_a_row_without_a_group_is_an_error(gap):
    with pytest.raises(ValueError, match="missing value in 1 of 3 rows, first in row 1"):
        read_groups(["a", gap, "b"])


def test_one_group_is_an_error():
    with pytest.raises(ValueError, match="same value, 'a', in all 3 rows"):
        read_groups(["a"] * 3)


@pytest.mark.parametrize("name", ["patient_id", "PatientID", "customer", "User", "site.device", "account id"])
@pytest.mark.parametrize("y", [AMOUNTS, CLASSES], ids=["amounts", "classes"])
def test_a_column_that_looks_like_a_group_is_named(name, y):
    with pytest.warns(UserWarning, match=f"Column '{name}' looks like a group: it has 30 values, with 5.0 rows"):
        warn(pd.DataFrame({name: GROUPS, "size": AMOUNTS}), y)


@pytest.mark.parametrize(
    "values", [GROUPS.astype(str), pd.Categorical(GROUPS.astype(str)), pd.array(GROUPS, dtype="Int64")], ids=type
)
def test_values_of_any_type_may_be_groups(values):
    with pytest.warns(UserWarning, match="looks like a group"):
        warn(pd.DataFrame({"patient": values}))


def test_polars_columns_may_be_groups():
    with pytest.warns(UserWarning, match="looks like a group"):
        warn(pl.DataFrame({"patient": GROUPS}))


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("patient", np.arange(N_ROWS)),  # a value of its own for each row
        ("patient", GROUPS % 3),
        ("patient", np.random.RandomState(2).permutation(GROUPS)),  # the targets are not similar
        ("patient", np.where(GROUPS == 4, np.nan, GROUPS)),
        ("patient", GROUPS + 0.5),
        ("patient_age", GROUPS),
        ("valid", GROUPS),
        (7, GROUPS),
    ],
    ids=["unique", "three", "chance", "gaps", "amounts", "age", "valid", "number"],
)
def test_other_columns_are_not_groups(column, values):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn(pd.DataFrame({column: values}))


@pytest.mark.parametrize(
    ("metadata", "cv"), [({"groups": GROUPS}, None), ({}, GroupKFold(3)), ({}, [([0], [1])])], ids=str
)
def test_whoever_has_chosen_the_folds_is_not_warned(metadata, cv):
    table = pd.DataFrame({"patient": GROUPS})
    with pytest.warns(UserWarning, match="looks like a group"):
        read_table(TableReader(), table, AMOUNTS, {}, is_classification=False, cv=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_table(TableReader(), table, AMOUNTS, metadata, is_classification=False, cv=cv)
        warn(np.column_stack([GROUPS]))


@pytest.mark.parametrize("groups", [[(1, 1), (1, 2)], [[1], [2]], np.ones((2, 1)), pd.DataFrame({"a": [1, 2]})])
def test_groups_of_several_values_are_refused(groups):
    with pytest.raises(ValueError, match="groups must be one column"):
        read_groups(groups)
