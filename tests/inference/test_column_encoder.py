"""Raw columns: what numbers and categories become, and what is refused."""

from datetime import datetime

import numpy as np
import pandas as pd
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_autotune.inference._column_encoder import ColumnEncoder

values = st.one_of(st.none(), st.sampled_from(["a", "b", "ä", ""]), st.integers(-3, 3))


def encode(frame):
    encoder = ColumnEncoder()
    return encoder, encoder.fit_transform(frame)


@given(st.lists(values, min_size=1), st.lists(values, min_size=1))
def test_a_category_has_the_same_code_wherever_it_occurs(seen, others):
    encoder, encoded = encode(pd.DataFrame({"x": pd.Series(seen, dtype="category")}))
    again = encoder.transform(pd.DataFrame({"x": pd.Series(others, dtype="category")}))

    codes = dict(zip(seen, encoded[:, 0], strict=True))
    for value, code in zip(others, again[:, 0], strict=True):
        if value in codes and value is not None:
            assert code == codes[value]
        else:
            assert np.isnan(code)
    known = {value for value in seen if value is not None}
    assert sorted({code for code in encoded[:, 0] if code == code}) == list(range(len(known)))


@given(st.permutations([None, "red", "green", "blue", "green"]))
def test_the_codes_do_not_depend_on_the_order_of_rows(order):
    encoder, _ = encode(pd.DataFrame({"x": order}))

    assert encoder.categories == {0: ["blue", "green", "red"]}


def test_numbers_stay_numbers_in_whatever_type_they_come():
    frame = pd.DataFrame(
        {
            "float": [0.5, np.nan],
            "int": [1, 2],
            "bool": [True, False],
            "nullable": pd.array([3, pd.NA], dtype="Int64"),
            "flag": pd.array([True, pd.NA], dtype="boolean"),
            "object": pd.Series([4, None], dtype=object),
        }
    )
    encoder, encoded = encode(frame)

    assert encoder.feature_types is None
    expected = [[0.5, 1, 1, 3, 1, 4], [np.nan, 2, 0, np.nan, np.nan, np.nan]]
    np.testing.assert_array_equal(encoded, expected)


def test_numbers_given_as_categories_are_categories_also_when_they_come_back_as_numbers():
    encoder, encoded = encode(pd.DataFrame({"x": pd.Categorical([30, 10, 20])}))

    np.testing.assert_array_equal(encoded[:, 0], [2, 0, 1])
    np.testing.assert_array_equal(encoder.transform(pd.DataFrame({"x": [10, 40, np.nan]}))[:, 0], [0, np.nan, np.nan])


def test_dates_become_days_whatever_their_resolution_and_zone():
    days = ["1970-01-03", "1969-12-31 12:00", None]
    expected = [2, -0.5, np.nan]
    for dates in (
        pd.to_datetime(days, format="mixed"),
        pd.to_datetime(days, format="mixed").as_unit("s"),
        pd.to_datetime(days, format="mixed").tz_localize("UTC").tz_convert("Asia/Tokyo"),
    ):
        encoder, encoded = encode(pd.DataFrame({"x": dates}))

        assert encoder.feature_types is None
        np.testing.assert_array_equal(encoded[:, 0], expected)


def test_polars_dates_become_days():
    dates = polars.Series([datetime(1970, 1, 3), None, datetime(1969, 12, 31, 12)])

    np.testing.assert_array_equal(encode(polars.DataFrame({"x": dates}))[1][:, 0], [2, np.nan, -0.5])
    np.testing.assert_array_equal(encode(polars.DataFrame({"x": dates.dt.date()}))[1][:, 0], [2, np.nan, -1])


def test_numbers_that_come_back_as_categories_are_numbers():
    encoder, _ = encode(pd.DataFrame({"x": [1.5, 2.0]}))

    again = encoder.transform(pd.DataFrame({"x": pd.Categorical([3, None, 4])}))
    np.testing.assert_array_equal(again[:, 0], [3, np.nan, 4])


def test_frames_of_polars_are_read_like_those_of_pandas():
    frame = {"word": ["b", None, "a"], "number": [1.5, None, 2.0], "flag": [True, None, False]}
    _, expected = encode(pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in frame.items()}))

    _, encoded = encode(polars.DataFrame(frame))

    np.testing.assert_array_equal(encoded, expected)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([("a", "tuple")], "'x' holds tuple, and neither numbers, strings nor categories"),
        ([pd.Timedelta(days=1)], "'x' holds Timedelta"),
        ([np.inf], "X contains infinity"),
    ],
)
def test_what_cannot_be_read_is_refused(column, message):
    with pytest.raises(ValueError, match=message):
        encode(pd.DataFrame({"x": column}))


def test_a_column_that_is_no_longer_numeric_is_refused():
    encoder, _ = encode(pd.DataFrame({"x": [1.0, 2.0]}))

    with pytest.raises(ValueError, match=r"'x' held numbers in training and now holds \['large'\]"):
        encoder.transform(pd.DataFrame({"x": ["large"]}))
