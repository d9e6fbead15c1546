"""JSON that every reader takes, whatever the values are."""

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.runner._json import format_json
from tests.strategies import quick

DAY = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)

VALUES = {
    "NaN": (float("nan"), None),
    "infinity": (-np.inf, None),
    "NumPy's NaN": (np.float32("nan"), None),
    "NumPy's whole number": (np.int64(3), 3),
    "NumPy's boolean": (np.bool_(True), True),
    "NumPy's string": (np.str_("a"), "a"),
    "a number of 80 bits": (np.longdouble(0.5), 0.5),
    "an array": (np.array([[1.0, np.nan]]), [[1.0, None]]),
    "an array of objects": (np.array([1, None, np.nan, "a"], dtype=object), [1, None, None, "a"]),
    "times in nanoseconds": (np.array(["2026-01-02", "NaT"], dtype="M8[ns]"), ["2026-01-02T00:00:00.000000000", None]),
    "no time": (np.datetime64("NaT", "D"), None),
    "pandas' missing values": ([pd.NA, pd.NaT, pd.Timestamp("2026-01-02")], [None, None, "2026-01-02T00:00:00"]),
    "a date": (date(2026, 1, 2), "2026-01-02"),
    "a time": (time(3, 4), "03:04:00"),
    "a date with a time zone": (DAY, "2026-01-02T03:04:00+00:00"),
    "a decimal": (Decimal("0.1"), "0.1"),
    "a path": (Path("a") / "b", "a/b"),
    "a status": (Status.COMPLETE, "complete"),
    "a tuple and a set": ((1, {2}), [1, [2]]),
    "keys that are no strings": ({1: True, None: 2, np.int64(3): 4}, {"1": True, "None": 2, "3": 4}),
    "an object": (KeyError("a"), "'a'"),
    "a password": ("postgresql://me:pa55word@host/db", "postgresql://me:***@host/db"),
}


def refuse(word):
    raise AssertionError(f"{word} is no JSON")


@pytest.mark.parametrize("case", VALUES)
def test_a_value_becomes_what_json_has_for_it(case):
    value, expected = VALUES[case]

    assert json.loads(format_json(value), parse_constant=refuse) == expected


@quick
@given(st.recursive(st.floats() | st.text() | st.none() | st.integers() | st.booleans(), st.lists, max_leaves=8))
def test_json_is_valid_for_any_value(value):
    json.loads(format_json([value]), parse_constant=refuse)
    format_json([value], ensure_ascii=True).encode("ascii")
