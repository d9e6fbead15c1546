"""Tables of Arrow are read as DataFrames with the same columns are, column by column."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.utils import shuffle

from sklearn_autotune import AutoModelSelector, TunedXGBClassifier
from sklearn_autotune.inference._column_encoder import ColumnEncoder
from sklearn_autotune.inference._table_reader import TableReader
from tests.faults.nightly import at_night

NOON = datetime(2026, 5, 17, 12, 30, 1)
COLUMNS = {
    "float": pa.array([1.5, None, 3.0], pa.float32()),
    "int": pa.array([1, None, 3], pa.int16()),
    "bool": pa.array([True, False, None]),
    "decimal": pa.array([Decimal("1.25"), None, Decimal("2.50")]),
    "string": pa.array(["b", None, "a"], pa.large_string()),
    "view": pa.array(["b", None, "a"]).cast(pa.string_view()),
    "dictionary": pa.array(["b", None, "a"]).dictionary_encode(),
    "numbered": pa.array([7, None, 3]).dictionary_encode(),
    "date": pa.array([date(2026, 5, 17), None, date(1969, 1, 1)]),
    "timestamp": pa.array([NOON, None, NOON + timedelta(days=2, seconds=3)], pa.timestamp("ns")),
    "zone": pa.array(
        [NOON.replace(tzinfo=UTC), None, datetime(2026, 5, 18, tzinfo=UTC)], pa.timestamp("ms", "Asia/Tokyo")
    ),
    "time": pa.array([time(1, 2, 3), None, time(4, 5)], pa.time64("us")),
    "nothing": pa.nulls(3),
}
TABLE = pa.table(COLUMNS)
OBJECTS = pd.DataFrame({name: pd.Series(column.to_pylist(), dtype=object) for name, column in COLUMNS.items()})
OBJECTS = OBJECTS.astype({"dictionary": "category", "numbered": "category"})


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_each_type_is_read_as_one_of_pythons_objects_is(name):
    table, frame = TABLE.select([name]), OBJECTS[[name]]
    encoder, expected = ColumnEncoder(), ColumnEncoder()

    np.testing.assert_array_equal(encoder.fit_transform(table), expected.fit_transform(frame))
    assert encoder.holds == expected.holds
    np.testing.assert_array_equal(encoder.transform(table.slice(1)), expected.transform(frame.iloc[1:]))


def test_columns_in_parts_and_in_another_order_are_the_same_table():
    whole = TableReader().fit(TABLE)
    parts = pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)])

    np.testing.assert_array_equal(whole.transform(parts.select(TABLE.column_names[::-1])), whole.transform(TABLE))
    assert whole.feature_names_in_.tolist() == TABLE.column_names


@pytest.mark.parametrize("column", [pa.array([[1], [2]]), pa.array([{"a": 1}, {"a": 2}]), pa.array([timedelta(1)] * 2)])
def test_columns_that_hold_anything_else_are_refused_by_name(column):
    with pytest.raises(ValueError, match="Column 'nested' holds"):
        ColumnEncoder().fit_transform(pa.table({"nested": column}))


@pytest.mark.parametrize(
    "model",
    [
        TunedXGBClassifier(n_trials=2, cv=2, n_estimators=20, random_state=0),
        pytest.param(
            AutoModelSelector("classification", ["xgboost", "logistic"], n_trials=2, time="day", random_state=0),
            marks=at_night,
        ),
    ],
)
def test_a_model_fitted_on_a_table_of_arrow_is_that_of_a_dataframe(model):
    random = np.random.RandomState(0)
    frame = pd.DataFrame({"a": random.normal(size=200), "b": random.choice(["x", "y"], 200)})
    frame["day"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(200), unit="D")
    y = np.where(frame["a"] + (frame["b"] == "x") + 0.5 * random.normal(size=200) > 0.5, "yes", "no")
    expected = model.fit(frame, y).predict_proba(frame)

    table = pa.Table.from_pandas(frame)
    np.testing.assert_array_equal(model.fit(table, y).predict_proba(table), expected)
    np.testing.assert_array_equal(model.predict_proba(shuffle(frame, random_state=0).sort_index()), expected)
