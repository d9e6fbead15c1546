"""Raw tables: what is read of them, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from sklearn_autotune.inference._encoding import EncodingTransformer
from sklearn_autotune.inference._table_reader import TableReader
from sklearn_autotune.tables._table_data import read_table

TABLE = pd.DataFrame({"size": [1.0, 2.0, 3.0, None], "color": ["red", "green", "red", None], "same": [1, 1, 1, 1]})
LABELS = np.array(["yes", "no", "yes", "no"])


def test_a_table_is_read_as_numbers_without_constant_columns():
    data = read_table(
        TableReader(), TABLE, LABELS, {"sample_weight": [1, 2, 3, 4], "groups": None}, is_classification=True, cv=2
    )

    np.testing.assert_array_equal(data.X, [[1.0, 1.0], [2.0, 0.0], [3.0, 1.0], [np.nan, np.nan]])
    np.testing.assert_array_equal(data.reader.transform(TABLE), data.X)
    assert data.classes.tolist() == ["no", "yes"]
    assert list(data.metadata) == ["sample_weight"]


def test_values_are_read_as_numbers():
    data = read_table(TableReader(), TABLE, [1, 2, 3, 4], {}, is_classification=False, cv=2)

    assert data.classes is None
    assert data.y.dtype == np.float64


@pytest.mark.parametrize(
    ("rows", "y", "is_classification", "match"),
    [
        (slice(None), LABELS[:3], True, "inconsistent"),
        (slice(None), ["yes"] * 4, True, "only one class"),
        (slice(None), ["yes", "yes", "yes", "no"], True, "fewer than the 2 folds"),
        (slice(None), ["a", "b", "c", "d"], False, "could not convert"),
        (slice(0, 1), [1.0], False, "n_samples = 1"),
    ],
)
def test_targets_that_cannot_be_used_are_refused(rows, y, is_classification, match):
    with pytest.raises(ValueError, match=match):
        read_table(TableReader(), TABLE[rows], np.array(y), {}, is_classification=is_classification, cv=2)


def test_the_reader_decides_what_becomes_of_the_columns():
    reader = EncodingTransformer()

    data = read_table(reader, TABLE, LABELS, {}, is_classification=True, cv=2)

    assert data.reader is reader
    assert data.X.shape == (4, 3)
