"""Times of rows, and folds that are tested on later rows."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from sklearn_autotune.tables._time import draw_time_folds, read_times

DAYS = pd.to_datetime(["2026-03-01", "2026-01-01", "2026-02-01"])


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame({"day": DAYS}),
        pd.DataFrame({"day": DAYS.tz_localize("Asia/Tokyo")}),
        pd.DataFrame({"day": [2026.5, -1.0, 3.0]}),
        pd.DataFrame({"day": [one.date() for one in DAYS]}),
        pl.DataFrame({"day": [datetime.date(2026, 3, 1), datetime.date(2026, 1, 1), datetime.date(2026, 2, 1)]}),
        pd.DataFrame({"day": [datetime.time(18), datetime.time(6), datetime.time(12)]}),
    ],
    ids=["dates", "zone", "numbers", "python", "polars", "times"],
)
def test_times_increase_as_the_column_does(X):
    assert np.argsort(read_times(X, "day")).tolist() == [1, 2, 0]
    assert np.argsort(read_times(X, 0)).tolist() == [1, 2, 0]


def test_an_array_has_its_times_in_a_column_with_a_position():
    assert read_times([[1, 30], [2, 10]], 1).tolist() == [30, 10]


@pytest.mark.parametrize(
    ("X", "time", "error", "message"),
    [
        (pd.DataFrame({"day": DAYS}), "dya", ValueError, "time='dya' is not a column of X. Did you mean 'day'?"),
        (pd.DataFrame({"day": DAYS}), 1, ValueError, "time=1 is not a column of X, which has 1 columns, from 0"),
        (np.zeros((3, 2)), "day", ValueError, "time='day' is a name, but X is an array"),
        (np.zeros((3, 2)), 2, ValueError, "time=2 is not a column of X, which has 2 columns"),
        (pd.DataFrame({"day": ["1 March", "x", "y"]}), "day", TypeError, "is a column of categories"),
        (pd.DataFrame({"day": [True, False, True]}), "day", TypeError, "is a column of booleans"),
        (pd.DataFrame({"day": [1.0, np.nan, np.nan]}), "day", ValueError, "in 2 of 3 rows, first in row 1"),
        (pd.DataFrame({"day": [DAYS[0], pd.NaT, DAYS[1]]}), "day", ValueError, "in 1 of 3 rows, first in row 1"),
    ],
    ids=["name", "position", "array", "array position", "strings", "booleans", "numbers", "dates"],
)
def test_columns_that_give_no_times_are_refused(X, time, error, message):
    with pytest.raises(error) as caught:
        read_times(X, time)
    assert message in str(caught.value)


@given(
    st.lists(st.integers(0, 30), min_size=2, max_size=60).filter(lambda times: len(set(times)) > 1), st.integers(2, 8)
)
def test_folds_are_fitted_on_all_earlier_times_and_divide_none(times, n_folds):
    times = np.sort(np.array(times, dtype=float))

    folds = draw_time_folds(times, n_folds)

    assert 1 <= len(folds) <= n_folds
    for train, test in folds:
        assert times[train].max() < times[test].min()
        assert train.tolist() == list(range(test[0]))
    assert np.array_equal(np.concatenate([test for _, test in folds]), np.arange(folds[0][1][0], len(times)))


@pytest.mark.parametrize(("n_rows", "n_folds"), [(12, 3), (101, 5), (10, 2)])
def test_folds_of_different_times_are_scikit_learns(n_rows, n_folds):
    found = draw_time_folds(np.arange(float(n_rows)), n_folds, is_exact=True)

    for own, expected in zip(found, TimeSeriesSplit(n_folds).split(np.zeros(n_rows)), strict=True):
        np.testing.assert_array_equal(own[0], expected[0])
        np.testing.assert_array_equal(own[1], expected[1])


def test_times_that_make_too_few_folds_are_an_error():
    with pytest.raises(ValueError, match="All rows have the same time"):
        draw_time_folds(np.zeros(9), 3)
    with pytest.raises(ValueError, match="cv=5 folds are more than the times allow") as caught:
        draw_time_folds(np.repeat([0.0, 1.0, 2.0], 4), 5, is_exact=True)
    assert "3 times make 2 folds. Pass cv=2" in str(caught.value)
