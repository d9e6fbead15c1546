"""Raw columns: what numbers and categories become, and what is refused."""

import pickle
from datetime import date, datetime, time
from decimal import Decimal
from uuid import UUID

import numpy as np
import pandas as pd
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.sparse import csr_array, csr_matrix
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from sklearn_autotune.inference import _column_encoder
from sklearn_autotune.inference._column_encoder import (
    ChunkScaler,
    ColumnEncoder,
    MedianImputer,
    clip_outliers,
    fill_missing_codes,
)

values = st.one_of(st.none(), st.sampled_from(["a", "b", "ä", ""]), st.integers(-3, 3))


def encode(frame):
    encoder = ColumnEncoder()
    return encoder, encoder.fit_transform(frame)


@pytest.mark.filterwarnings("ignore:Column 'x' holds none of the categories")
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


def test_dates_become_days_and_seconds_whatever_their_resolution_and_zone():
    days = ["1970-01-03", "1969-12-31 12:00", None]
    expected = [[2, 0], [-1, 43200], [np.nan, np.nan]]
    for dates in (
        pd.to_datetime(days, format="mixed"),
        pd.to_datetime(days, format="mixed").as_unit("s"),
        pd.to_datetime(days, format="mixed").tz_localize("UTC").tz_convert("Asia/Tokyo"),
    ):
        encoder, encoded = encode(pd.DataFrame({"x": dates}))

        assert encoder.feature_types is None
        np.testing.assert_array_equal(encoded, expected)


def test_polars_dates_become_days_and_seconds():
    dates = polars.Series([datetime(1970, 1, 3), None, datetime(1969, 12, 31, 12)])

    moments = encode(polars.DataFrame({"x": dates}))[1]
    np.testing.assert_array_equal(moments, [[2, 0], [np.nan, np.nan], [-1, 43200]])
    np.testing.assert_array_equal(encode(polars.DataFrame({"x": dates.dt.date()}))[1][:, 0], [2, np.nan, -1])


def test_parts_of_a_date_that_never_change_are_left_out():
    same_day = pd.DataFrame({"x": pd.to_datetime(["2024-01-01 12:00", "2024-01-01 12:05"])})
    noons = pd.DataFrame({"x": pd.to_datetime(["2024-01-01 12:00", "2024-01-02 12:00"]), "y": ["a", "b"]})
    once = pd.DataFrame({"x": pd.to_datetime(["2024-01-01 12:00"] * 2)})

    assert encode(same_day)[1].tolist() == [[43200], [43500]]
    assert encode(noons)[1].tolist() == [[19723, 0], [19724, 1]]
    assert encode(once)[1].tolist() == [[19723], [19723]]


def test_encoded_columns_are_told_from_which_column_they_come():
    frame = pd.DataFrame({"x": pd.to_datetime(["2024-01-01 12:00", "2024-01-02 12:05"]), "y": ["a", "b"], "z": [1, 2]})
    encoder, encoded = encode(frame)

    assert encoded.shape == (2, 4)
    assert encoder.column_indices.tolist() == [0, 0, 1, 2]
    assert encoder.n_categories.tolist() == [0, 0, 2, 0]
    assert encoder.feature_types == ["q", "q", "c", "q"]


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
        ([("a", "tuple")], r"'x' holds tuple\. A column must hold numbers, dates, times, strings or categories"),
        ([pd.Timedelta(days=1)], "'x' holds Timedelta"),
        ([1.0, np.inf], "X contains infinity or a value too large for a 32-bit float in column 'x'"),
        ([1.0, -1e39], "X contains infinity or a value too large for a 32-bit float in column 'x'"),
    ],
)
def test_what_cannot_be_read_is_refused(column, message):
    with pytest.raises(ValueError, match=message):
        encode(pd.DataFrame({"x": column}))


@pytest.mark.parametrize("table", [np.array([[0.0, 1.0], [0.0, np.inf]]), csr_array([[0.0, 1.0], [0.0, 1e39]])])
def test_infinity_in_an_array_is_refused_with_the_columns_index(table):
    with pytest.raises(ValueError, match="infinity or a value too large for a 32-bit float in column 1"):
        encode(table)


def test_an_array_of_dates_is_refused():
    with pytest.raises(ValueError, match="Pass dates as columns of a DataFrame"):
        encode(np.array([["2024-01-01"]], dtype="datetime64[D]"))


@pytest.mark.parametrize(
    ("table", "advice"),
    [
        (np.array([["red", 1.0]], dtype=object), "numpy's ndarray.*'red'.* Pass a DataFrame of pandas or polars"),
        (np.array([["red", "1"]], dtype=np.dtypes.StringDType()), "Pass a DataFrame of pandas or polars"),
        ([["red", 1.0]], "builtins's list"),
    ],
    ids=["objects", "StringDType", "list"],
)
def test_strings_in_an_array_are_refused_with_what_takes_them(table, advice):
    with pytest.raises(ValueError, match=advice):
        encode(table)


def test_strings_in_a_frame_of_narwhals_are_refused_with_what_takes_them():
    narwhals = pytest.importorskip("narwhals")

    with pytest.raises(ValueError, match=r"narwhals's DataFrame.* Pass the table inside: X\.to_native\(\)"):
        encode(narwhals.from_native(pd.DataFrame({"x": ["red"]}), eager_only=True))


DAY = pd.Timestamp("2024-01-01")


@pytest.mark.parametrize(
    ("held", "now", "message"),
    [
        ([1.0, 2.0], ["large"], r"'x' held numbers in training and now holds \['large'\]"),
        ([1.0, 2.0], [DAY], r"'x' held numbers in training and now holds \['2024-01-01"),
        ([True, False], ["yes"], r"'x' held booleans in training and now holds \['yes'\]"),
        ([DAY], ["2024-01-01"], r"'x' held dates in training and now holds \['2024-01-01'\]"),
        ([DAY], [3.0], r"'x' held dates in training and now holds \[3.0\]"),
        ([time(1)], [DAY], r"'x' held times in training and now holds \['2024-01-01"),
    ],
)
def test_a_column_of_another_kind_is_refused_with_what_it_held_and_what_it_holds(held, now, message):
    encoder, _ = encode(pd.DataFrame({"x": held}))

    with pytest.raises(ValueError, match=message):
        encoder.transform(pd.DataFrame({"x": now}))


def test_numbers_and_booleans_may_stand_for_each_other_and_a_column_without_values_for_any():
    for held, now, expected in (
        ([1.0, 2.0], [True, False], [1, 0]),
        ([True, False], [0.0, 2.0], [0, 2]),
        ([DAY, DAY], [None, None], [np.nan, np.nan]),
        (["a", "b"], [np.nan, np.nan], [np.nan, np.nan]),
        ([None, None], ["a", "b"], [np.nan, np.nan]),
        ([np.nan, np.nan], [DAY, DAY], [np.nan, np.nan]),
    ):
        encoder, _ = encode(pd.DataFrame({"x": held}))

        np.testing.assert_array_equal(encoder.transform(pd.DataFrame({"x": now}))[:, 0], expected)


# -- categories are compared by value ----------------------------------------------------------------------------------


def codes(training, now):
    encoder, _ = encode(pd.DataFrame({"x": training}))
    return encoder.transform(pd.DataFrame({"x": now}))[:, 0].tolist()


@pytest.mark.parametrize(
    ("training", "now"),
    [
        (["10115", "20095"], [10115, 20095]),
        (["10115", "20095"], [10115.0, 20095.0]),
        (pd.Categorical([10115, 20095]), ["10115", "20095"]),
        (pd.Categorical([10115, 20095]), [Decimal(10115), Decimal(20095)]),
        (["01067", "20095"], [1067, 20095]),
        (pd.Categorical([1067, 20095]), ["01067", "20095"]),
        (["1.0", "2.0"], [1, 2]),
        (["0.5", "1.5"], [0.5, 1.5]),
        (pd.Categorical([False, True]), [0, 1]),
        (pd.Categorical([False, True]), [False, True]),
        (pd.Categorical([12345678901234567, 12345678901234568]), [12345678901234567, 12345678901234568]),
        (pd.Categorical(["2024-01-01", "2024-01-02"]), pd.to_datetime(["2024-01-01", "2024-01-02"])),
        (pd.Categorical(pd.to_datetime(["2024-01-01", "2024-01-02"])), [date(2024, 1, 1), date(2024, 1, 2)]),
        (pd.cut([0.5, 1.5], [0, 1, 2]), ["(0, 1]", "(1, 2]"]),
        ([UUID(int=1), UUID(int=2)], [str(UUID(int=1)), str(UUID(int=2))]),
    ],
)
def test_a_category_is_the_same_whatever_type_it_has(training, now):
    assert codes(training, now) == [0, 1]


@pytest.mark.filterwarnings("ignore:Column 'x' holds none of the categories")
@pytest.mark.parametrize(
    ("training", "now"),
    [
        (["1", "01"], ["001"]),
        (["a", "b"], ["A"]),
        (["True", "False"], [True]),
        (pd.Categorical([1, 2]), ["1e0", "1_0", " 1", "+1", "0x1", "one"]),
        (pd.Categorical([1, 2]), ["9" * 5000]),
    ],
)
def test_strings_are_the_same_only_if_they_are_equal_and_numbers_only_if_written_in_digits(training, now):
    assert np.isnan(codes(training, now)).all()


def test_of_strings_that_read_as_the_same_number_the_shortest_is_that_number():
    assert codes(["007", "7", "07"], [7, 7.0]) == [2, 2]  # sorted: 007, 07, 7


def test_a_number_and_the_string_that_reads_as_it_are_one_category():
    encoder, encoded = encode(pd.DataFrame({"x": pd.Series([1, "1", 2.0, "b"], dtype=object)}))

    assert encoder.categories == {0: [2, "1", "b"]}
    assert encoded[:, 0].tolist() == [1, 1, 0, 2]


def test_a_column_without_any_known_category_brings_a_warning():
    encoder, _ = encode(pd.DataFrame({"x": ["a", "b"]}))

    with pytest.warns(UserWarning, match=r"'x' holds none of the categories of training: it holds \['A', 'B'\], and"):
        assert np.isnan(encoder.transform(pd.DataFrame({"x": ["A", "B"]}))).all()
    encoder.transform(pd.DataFrame({"x": ["A", "b"]}))


# -- a number that stands for a missing value --------------------------------------------------------------------------


def test_a_number_for_missing_values_is_read_in_numbers_and_never_in_codes():
    frame = pd.DataFrame({"word": ["low", None, "top"], "number": [0, 1, 2], "flag": [True, False, True]})
    frame["code"] = pd.Categorical([7, 0, 8])
    frame["day"] = pd.to_datetime(["1970-01-01 00:00:00", "1970-01-01 00:00:01", None])
    encoder = ColumnEncoder(missing=0)

    expected = [[0, np.nan, 1, 0, 0], [np.nan, 1, np.nan, np.nan, 1], [1, 2, 1, 1, np.nan]]
    np.testing.assert_array_equal(encoder.fit_transform(frame), expected)
    np.testing.assert_array_equal(encoder.transform(frame), expected)
    assert encoder.categories == {0: ["low", "top"], 3: [7, 8]}
    assert encoder.reads_missing
    np.testing.assert_array_equal(frame["number"], [0, 1, 2])


def test_a_number_for_missing_values_is_left_to_the_model_among_numbers_alone():
    encoder = ColumnEncoder(missing=-1)

    np.testing.assert_array_equal(encoder.fit_transform(pd.DataFrame({"x": [-1.0, 2.0]})), [[-1], [2]])
    assert not encoder.reads_missing


# -- frames and arrays, sparse and dense -------------------------------------------------------------------------------


def test_the_values_of_a_frame_with_categories_may_come_as_an_array():
    frame = pd.DataFrame(
        {"grade": pd.Categorical([30, 10]), "word": ["b", "a"], "day": [DAY, DAY + pd.Timedelta("1D")]}
    )
    encoder, encoded = encode(frame)

    np.testing.assert_array_equal(encoder.transform(frame.to_numpy()), encoded)
    np.testing.assert_array_equal(encoder.transform(frame.to_numpy().tolist()), encoded)
    grades, _ = encode(frame[["grade"]])
    np.testing.assert_array_equal(grades.transform(np.array([[10], [30]])), [[0], [1]])
    np.testing.assert_array_equal(grades.transform(csr_array([[10], [30]])), [[0], [1]])
    with pytest.raises(ValueError, match="X has 2 features, but the training table had 1"):
        grades.transform(np.array([[10, 30]]))


def test_what_a_sparse_matrix_leaves_out_is_zero_for_a_dense_training_table():
    dense = np.array([[0.0, 2.0], [1.0, np.nan]])
    encoder, _ = encode(dense)

    np.testing.assert_array_equal(encoder.transform(csr_matrix(dense)), dense)


def test_zeros_are_left_out_for_a_sparse_training_table():
    dense = np.array([[0.0, 2.0], [1.0, np.nan]])
    stored = csr_matrix((np.array([0.0, 2.0, 1.0, np.nan]), np.array([0, 1, 0, 1]), np.array([0, 2, 4])))
    encoder, encoded = encode(csr_matrix(dense))

    for table in (dense, stored, csr_matrix(dense), pd.DataFrame(dense)):
        again = encoder.transform(table)
        assert again.nnz == encoded.nnz == 3
        np.testing.assert_array_equal(again.toarray(), dense)
    assert stored.nnz == 4


def test_a_dense_table_is_refused_where_stored_zeros_and_missing_values_were_told_apart():
    stored = csr_matrix((np.array([0.0, 2.0]), np.array([0, 1]), np.array([0, 1, 2])))
    encoder, _ = encode(stored)

    assert encoder.transform(stored).nnz == 2
    with pytest.raises(ValueError, match="In a dense table, the two cannot be told apart"):
        encoder.transform(stored.toarray())


# -- large tables ------------------------------------------------------------------------------------------------------


@pytest.fixture
def rounds_all(monkeypatch):
    monkeypatch.setattr(_column_encoder, "MIN_ROUNDED_CELLS", 1)


TEXTS = [f"the {word} fox is number {number} of all" for number, word in enumerate(["quick", "slow", "red"] * 20)]
PRECISE = [1.7e18 + 1000 * number for number in range(60)]


@pytest.mark.usefixtures("rounds_all")
@pytest.mark.parametrize("make", [pd.DataFrame, polars.DataFrame], ids=["pandas", "polars"])
def test_a_large_table_has_floats_of_32_bits_in_training_and_prediction(make):
    columns = {"a": np.linspace(0, 0.1, 60), "b": ["x", "y", None] * 20, "c": [True, False] * 30}
    columns["d"] = [datetime(2026, 1, 1 + number % 28, 12, number) for number in range(60)]
    encoder, encoded = encode(make(columns))
    expected = np.column_stack([np.linspace(0, 0.1, 60), [0, 1, np.nan] * 20, [1, 0] * 30])

    assert encoded.dtype == encoder.transform(make(columns)).dtype == np.float32
    np.testing.assert_array_equal(encoded[:, :3], expected.astype(np.float32))
    np.testing.assert_array_equal(encoder.transform(make(columns)), encoded)


@pytest.mark.usefixtures("rounds_all")
@pytest.mark.parametrize("name", ["text", "precise", "large"])
def test_a_large_table_has_floats_of_64_bits_where_those_of_32_would_not_be_precise(name):
    columns = {"a": np.linspace(0, 0.1, 60), "text": TEXTS, "precise": PRECISE, "large": [1e-30, 1e300] * 30}
    frame = pd.DataFrame({"a": columns["a"], name: columns[name]})
    encoder = ColumnEncoder(reads_text=True)
    if name == "large":
        with pytest.raises(ValueError, match="too large for a 32-bit float in column 'large'"):
            encoder.fit_transform(frame)
    else:
        assert encoder.fit_transform(frame).dtype == encoder.transform(frame).dtype == np.float64
        np.testing.assert_array_equal(encoder.fit_transform(frame)[:, 0], columns["a"])


@pytest.mark.usefixtures("rounds_all")
def test_a_number_that_means_a_missing_value_does_not_count_as_the_end_of_a_columns_range():
    precise = pd.DataFrame({"a": [*PRECISE, -1e30], "b": ["x"] * 61})
    encoder = ColumnEncoder(missing=-1e30)

    assert encoder.fit_transform(precise).dtype == np.float64
    rounded = ColumnEncoder(missing=-1.1).fit_transform(pd.DataFrame({"a": [0.5, -1.1], "b": ["x", "y"]}))
    np.testing.assert_array_equal(rounded, np.array([[0.5, 0], [np.nan, 1]], dtype=np.float32))
    assert rounded.dtype == np.float32


@pytest.mark.parametrize(("limit", "dtype", "expected"), [(1, "f8", "f4"), (100, "f8", "f8"), (100, "f4", "f4")])
def test_an_array_is_rounded_if_it_is_large(monkeypatch, limit, dtype, expected):
    monkeypatch.setattr(_column_encoder, "MIN_ROUNDED_CELLS", limit)
    table = np.linspace(0, 1, 20, dtype=dtype).reshape(10, 2)
    encoder, encoded = encode(table)

    assert encoded.dtype == expected
    assert (encoded is table) == (dtype == expected)
    assert encoder.transform(table.astype("f8")).dtype == expected
    assert encode(np.column_stack([PRECISE, PRECISE]))[1].dtype == "f8"


# -- preparation of encoded columns ------------------------------------------------------------------------------------


@given(
    npst.arrays(
        st.sampled_from([np.float32, np.float64]),
        npst.array_shapes(min_dims=2, max_dims=2, max_side=8),
        elements=st.one_of(st.integers(-5, 5).map(float), st.just(np.nan)),
    )
)
def test_medians_and_indicators_are_those_of_scikit_learn(table):
    theirs = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    ours = clone(MedianImputer())

    for rows in (table, table[::-1] + 1):
        expected = theirs.fit_transform(rows)
        result = ours.fit_transform(rows.copy())

        np.testing.assert_array_equal(result, expected)
        assert result.dtype == expected.dtype
        gaps = np.full((1, table.shape[1]), np.nan, dtype=table.dtype)
        np.testing.assert_array_equal(ours.transform(gaps.copy()), theirs.transform(gaps))
        assert ours.get_feature_names_out().tolist() == theirs.get_feature_names_out().tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scaling_in_chunks_is_scaling(dtype):
    table = np.random.RandomState(0).normal(size=(120_000, 3), loc=[0, 1e3, 7], scale=[1, 10, 0]).astype(dtype)
    for rows in (table[:50_000], table):
        theirs, ours = StandardScaler().fit(rows), clone(ChunkScaler()).fit(rows)

        tolerance = 0 if len(rows) == 50_000 else 1e-6
        np.testing.assert_allclose(ours.mean_, theirs.mean_, rtol=tolerance)
        np.testing.assert_allclose(ours.scale_, theirs.scale_, rtol=tolerance)
        scaled = rows[:10].copy()
        assert ours.transform(scaled) is scaled
        np.testing.assert_allclose(scaled, theirs.transform(rows[:10]), rtol=tolerance, atol=10 * tolerance)


def test_missing_codes_become_a_category_that_no_known_code_has():
    np.testing.assert_array_equal(fill_missing_codes(np.array([[0.0, np.nan], [np.nan, 2.0]])), [[0, -1], [-1, 2]])


def test_values_beyond_five_standard_deviations_are_clipped_and_all_others_stay():
    values = np.array([[-100.0, -5.0, 0.3, 5.0, 100.0]])

    np.testing.assert_array_equal(clip_outliers(values), [[-5, -5, 0.3, 5, 5]])
    np.testing.assert_array_equal(values, [[-100, -5, 0.3, 5, 100]])  # the argument stays as it was


def test_a_kept_model_refers_to_them_by_name():
    for function in (ChunkScaler, MedianImputer, clip_outliers, fill_missing_codes):
        assert b"sklearn_autotune.inference._column_encoder" in pickle.dumps(function)
        assert pickle.loads(pickle.dumps(function)) is function
