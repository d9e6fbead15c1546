"""Single columns are read in the same way from any library and type, split into exact parts, or refused by name."""

import datetime
import decimal
import enum
import uuid

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest

from sklearn_autotune.inference._column_values import (
    RepeatedValues,
    encode_categories,
    find_many_valued_columns,
    is_dataframe,
    is_missing,
    read_column,
    read_objects,
    sort_distinct,
)

DATES = [datetime.date(2024, 1, 1), None, datetime.date(2024, 1, 3)]
MOMENTS = [datetime.datetime(2024, 1, 1, 12, 0, 0, 250_000), None, datetime.datetime(1969, 12, 31, 23, 59, 59)]
TIMES = [datetime.time(1, 0, 2), None, datetime.time(0, 0, 0, 500_000)]
DECIMALS = [decimal.Decimal("1.5"), None, decimal.Decimal(2)]
UUIDS = [uuid.UUID(int=5), None, uuid.UUID(int=3)]
WORDS = ["b", None, "a"]
FLAGS = [True, None, False]


class Colour(enum.StrEnum):
    A = "a"
    B = "b"


def arrow(values, kind):
    return pd.Series(values, dtype=pd.ArrowDtype(kind))


def in_utc(values):
    return [None if value is None else value.replace(tzinfo=datetime.UTC) for value in values]


def read(column, **params):
    series = polars.Series("x", column) if isinstance(column, polars.Series) else pd.Series(column)
    frame = polars.DataFrame({"x": series}) if isinstance(column, polars.Series) else pd.DataFrame({"x": series})
    return read_column(frame, 0, "x", **params)


ALIKE = {
    "dates": [
        pd.Series(DATES, dtype=object),
        pd.to_datetime(pd.Series(DATES)),
        arrow(DATES, pyarrow.date32()),
        arrow(DATES, pyarrow.date64()),
        pd.Series(pd.PeriodIndex(["2024-01-01", None, "2024-01-03"], freq="D")),
        pd.Series([np.datetime64("2024-01-01"), np.datetime64("NaT", "D"), np.datetime64("2024-01-03")], dtype=object),
        polars.Series(DATES),
    ],
    "moments": [
        pd.Series(MOMENTS, dtype=object),
        pd.Series(in_utc(MOMENTS), dtype=object),
        pd.to_datetime(pd.Series(MOMENTS)),
        pd.to_datetime(pd.Series(MOMENTS)).dt.as_unit("ms"),
        pd.to_datetime(pd.Series(MOMENTS)).dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"),
        arrow(MOMENTS, pyarrow.timestamp("us")),
        arrow(in_utc(MOMENTS), pyarrow.timestamp("ns", tz="Europe/Berlin")),
        polars.Series(MOMENTS),
        polars.Series(in_utc(MOMENTS)),
    ],
    "times": [pd.Series(TIMES, dtype=object), arrow(TIMES, pyarrow.time64("us")), polars.Series(TIMES)],
    "numbers": [
        pd.Series(DECIMALS, dtype=object),
        pd.Series([1.5, None, 2.0]),
        pd.Series([1.5, pd.NA, 2.0], dtype="Float64"),
        pd.Series(pd.arrays.SparseArray([1.5, np.nan, 2.0])),
        arrow(DECIMALS, pyarrow.decimal128(5, 2)),
        arrow([1.5, None, 2.0], pyarrow.float32()),
        polars.Series(DECIMALS),
        polars.Series([1.5, None, 2.0]),
    ],
    "whole numbers": [
        pd.Series([1, None, 2], dtype="Int64"),
        polars.Series([1, None, 2], dtype=polars.UInt8),
        polars.Series([1, None, 2], dtype=polars.Int128),
    ],
    "booleans": [
        pd.Series(FLAGS, dtype=object),
        pd.Series(FLAGS, dtype="boolean"),
        arrow(FLAGS, pyarrow.bool_()),
        polars.Series(FLAGS),
    ],
    "categories": [
        pd.Series(WORDS, dtype=object),
        pd.Series(WORDS, dtype="string"),
        pd.Series(pd.Categorical(WORDS)),
        pd.Series([Colour.B, None, Colour.A], dtype=object),
        arrow(WORDS, pyarrow.string()),
        arrow(WORDS, pyarrow.large_string()),
        arrow(WORDS, pyarrow.dictionary(pyarrow.int32(), pyarrow.string())),
        polars.Series(WORDS),
        polars.Series(WORDS, dtype=polars.Categorical),
        polars.Series(WORDS, dtype=polars.Enum(["b", "a"])),
    ],
    "uuids": [pd.Series(UUIDS, dtype=object), polars.Series(UUIDS, dtype=polars.Object)],
    "nothing": [
        pd.Series([None, None, None], dtype=object),
        pd.Series([np.nan, np.nan, np.nan]),
        pd.Series(pd.Categorical([None, None, None])),
        pd.to_datetime(pd.Series([None, None, None])),
        arrow([None, None, None], pyarrow.null()),
        polars.Series([None, None, None]),
        polars.Series([None, None, None], dtype=polars.Date),
    ],
}

EXPECTED = {
    "dates": ("dates", {"day": [19723, np.nan, 19725], "second": [0, np.nan, 0], "fraction": [0, np.nan, 0]}),
    "moments": (
        "dates",
        {"day": [19723, np.nan, -1], "second": [43200, np.nan, 86399], "fraction": [0.25, np.nan, 0]},
    ),
    "times": ("times", {"second": [3602, np.nan, 0], "fraction": [0, np.nan, 0.5]}),
    "numbers": ("numbers", {"value": [1.5, np.nan, 2]}),
    "whole numbers": ("numbers", {"value": [1, np.nan, 2]}),
    "booleans": ("booleans", {"value": [1, np.nan, 0]}),
    "nothing": ("nothing", {"value": [np.nan, np.nan, np.nan]}),
}


@pytest.mark.parametrize("case", EXPECTED)
def test_a_column_is_read_alike_whatever_carries_it(case):
    holds, parts = EXPECTED[case]
    for column in ALIKE[case]:
        found = read(column)

        assert found.holds == holds
        assert found.split().keys() == parts.keys()
        for name, values in found.split().items():
            np.testing.assert_array_equal(values, parts[name])


@pytest.mark.parametrize(("case", "expected"), [("categories", WORDS), ("uuids", [str(UUIDS[0]), None, str(UUIDS[2])])])
def test_categories_are_read_alike_whatever_carries_them(case, expected):
    for column in ALIKE[case]:
        found = read(column)

        assert (found.holds, found.values) == ("categories", expected)
        assert {type(value) for value in found.values} == {str, type(None)}


@pytest.mark.parametrize(
    ("categories", "expected"),
    [
        (pd.cut(pd.Series([0.5, 1.5]), [0, 1, 2]), ["(0, 1]", "(1, 2]"]),
        (pd.Series(pd.arrays.IntervalArray.from_breaks([0, 1, 2])), ["(0, 1]", "(1, 2]"]),
        (
            pd.Categorical(pd.DatetimeIndex(["2024-01-01 00:00", "2024-01-02 06:00"])),
            ["2024-01-01", "2024-01-02 06:00:00"],
        ),
        (pd.Categorical([datetime.date(2024, 1, 1), None]), ["2024-01-01", None]),
        (pd.Categorical(pd.PeriodIndex(["2024-01", "2024-02"], freq="M")), ["2024-01", "2024-02"]),
        (pd.Categorical([2.0, 1.5]), [2, 1.5]),
        (pd.Categorical([np.inf, True]), [np.inf, True]),
        (pd.Series([decimal.Decimal(2), "a"], dtype=object), [2, "a"]),
    ],
)
def test_values_of_a_type_of_categories_are_categories_whatever_they_are(categories, expected):
    found = read(categories)

    assert (found.holds, found.values) == ("categories", expected)


def test_numbers_and_dates_are_categories_where_these_are_asked_for_and_the_other_way_round():
    assert read(pd.Series([1, 2]), as_categories=True).values == [1, 2]
    assert read(polars.Series([1, None]), as_categories=True).values == [1, None]
    assert read(pd.to_datetime(pd.Series(DATES)), as_categories=True).values == ["2024-01-01", None, "2024-01-03"]
    assert read(pd.Categorical([1, 2]), as_categories=False).holds == "numbers"
    assert read(pd.Categorical(DATES), as_categories=False).holds == "dates"


def test_a_32_bit_float_holds_each_part_of_a_date_exactly():
    moments = pd.Series(
        [
            datetime.datetime(2024, 7, 1, 23, 59, 59, 999_000),
            datetime.datetime(9999, 12, 31),
            datetime.datetime(1, 1, 1),
        ]
    )

    for values in read(moments).split().values():
        np.testing.assert_array_equal(np.round(values.astype(np.float32), 6), np.round(values, 6).astype(np.float32))
    assert len(np.unique(read(moments).split()["day"].astype(np.float32))) == 3


def test_dates_and_times_have_an_axis_of_their_own():
    np.testing.assert_allclose(read(pd.Series(MOMENTS)).make_axis()[[1, 2]], [np.nan, -1 / 86400])
    np.testing.assert_array_equal(read(pd.Series(TIMES, dtype=object)).make_axis(), [3602, np.nan, 0.5])
    np.testing.assert_array_equal(read(pd.Series([1, 2])).make_axis(), [1, 2])


def test_examples_of_a_column_can_be_shown():
    assert read(pd.Series(DATES)).find_examples() == ["2024-01-01T00:00:00.000000", "2024-01-03T00:00:00.000000"]
    assert read(pd.Series([3.0, None, 3.0, 1.0])).find_examples() == [3.0, 1.0]
    assert read(pd.Series(["a", None, "b", "c", "d"])).find_examples() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([("a", "tuple"), None], r"'x' holds tuple\. A column must hold numbers, dates, times, strings or categories"),
        ([pd.Timedelta(days=1)], "'x' holds Timedelta"),
        ([np.timedelta64(1, "D"), 1], "'x' holds int, timedelta64"),
        ([b"a"], "'x' holds bytes"),
        ([1j], "'x' holds complex"),
        ([np.zeros(2), None], "'x' holds ndarray"),
        (polars.Series([[1], None]), "'x' holds list"),
        (polars.Series([{"a": 1}]), "'x' holds dict"),
        (polars.Series([datetime.timedelta(1)]), "'x' holds timedelta"),
        ([datetime.date(2024, 1, 1), "later"], "'x' holds values of types that cannot be combined: date, str"),
        ([datetime.date(2024, 1, 1), datetime.time(1)], "cannot be combined: date, time"),
        ([10**400], "'x' holds a whole number that is too large"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_columns_name(column, message):
    with pytest.raises(ValueError, match=message):
        read(column if isinstance(column, polars.Series) else pd.Series(column, dtype=object))


def test_what_is_missing():
    for value in (None, np.nan, pd.NA, pd.NaT, np.datetime64("NaT", "D"), decimal.Decimal("NaN"), np.float32("nan")):
        assert is_missing(value)
    for value in ("", 0, False, np.zeros(2), [None], "nan", pd.Timestamp(0)):
        assert not is_missing(value)


def test_values_without_a_frame_are_read_too():
    found = read_objects([pd.NA, pd.Timestamp("1970-01-02", tz="UTC")], 0)

    np.testing.assert_array_equal(found.split()["day"], [np.nan, 1])


def test_frames_are_told_from_arrays():
    assert is_dataframe(pd.DataFrame({"x": [1]}))
    assert is_dataframe(polars.DataFrame({"x": [1]}))
    assert not is_dataframe(np.zeros((1, 1)))
    assert not is_dataframe(pd.Series([1]))


def test_columns_of_few_values_get_no_curve():
    X = np.column_stack([np.arange(40), np.arange(40) % 9, np.zeros(40), np.arange(40) % 10])

    assert find_many_valued_columns(X) == [0, 3]


# -- many strings ------------------------------------------------------------------------------------------------------

GAPPY = ["b", None, "a", "10", "1.0", "b", "", " a ", "ß", "naïve"]
GAPS = {"none": None, "nan": float("nan"), "NA": pd.NA, "NaT": pd.NaT, "decimal": decimal.Decimal("NaN")}


def repeat(values, n_rows=1000):
    return [values[index] for index in np.random.RandomState(0).randint(len(values), size=n_rows)]


MANY_STRINGS = {
    "object": lambda values: pd.Series(values, dtype=object),
    "str": lambda values: pd.Series(values, dtype="str"),
    "string": lambda values: pd.Series(values, dtype="string"),
    "categorical": lambda values: pd.Series(values, dtype=pd.CategoricalDtype(["unused", *sorted({*GAPPY} - {None})])),
    "arrow": lambda values: arrow(values, pyarrow.string()),
    "polars": polars.Series,
    "numpy": lambda values: pd.Series([np.str_(value) if value else value for value in values], dtype=object),
    "chunks": lambda values: pyarrow.chunked_array([values[:300], [], values[300:]]),
    "dictionary": lambda values: pyarrow.array(values).dictionary_encode(),
}


@pytest.mark.parametrize("kind", MANY_STRINGS)
def test_many_strings_are_read_as_few_are(kind):
    values = repeat(GAPPY)
    column = MANY_STRINGS[kind](values)
    is_arrow = isinstance(column, pyarrow.Array | pyarrow.ChunkedArray)

    found = read_column(pyarrow.table({"x": column}), 0, "x") if is_arrow else read(column)

    assert (found.holds, list(found.values)) == ("categories", values)
    assert found.find_examples() == list(dict.fromkeys(value for value in values if value is not None))[:3]
    assert sort_distinct(found.values, np.nan) == sort_distinct(values, np.nan)
    for categories in ([], ["a", "b"], [1, 10, "b"], [True, "", "ß"]):
        codes = encode_categories(found.values, categories)
        np.testing.assert_array_equal(codes, encode_categories(values, categories))


@pytest.mark.parametrize("gap", GAPS)
def test_any_missing_value_among_many_strings_is_one(gap):
    values = repeat(["a", GAPS[gap], "b", None])

    found = read_objects(values, "x")

    assert isinstance(found.values, RepeatedValues)
    assert list(found.values) == [value if isinstance(value, str) else None for value in values]


@pytest.mark.parametrize("other", [1, 1.5, True, decimal.Decimal(3), uuid.UUID(int=3)], ids=repr)
def test_many_strings_beside_other_values_are_read_one_by_one(other):
    values = repeat(["1", "a", None, other])

    found = read_objects(values, "x")

    assert isinstance(found.values, list)
    assert found.values == [
        value for start in range(0, 1000, 100) for value in read_objects(values[start : start + 100], "x").values
    ]


def test_many_strings_beside_what_cannot_be_read_are_refused():
    with pytest.raises(ValueError, match=r"'x' holds list, str"):
        read_objects(repeat(["a", ["b"]]), "x")


def test_repeated_values_are_a_sequence():
    values = RepeatedValues(["b", "a"], np.array([0, 1, -1, 0]))

    assert (len(values), values[1], values[2], values[-1], values[1:3]) == (4, "a", None, "b", ["a", None])
