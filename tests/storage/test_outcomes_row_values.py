"""Row values in attributes that are stored."""

import numpy as np
import pytest

from sklearn_autotune.storage._outcomes import MAX_BYTES, PART_LENGTH, make_row_attributes, read_row_values


@pytest.mark.parametrize("size", [1, 10, 20_000, 100_000])
def test_what_is_stored_is_read_again_from_parts_that_any_database_holds(size):
    rows = {0: np.random.RandomState(0).normal(size=size).astype(np.float32), 2: np.arange(size) > 3}

    attributes = make_row_attributes(rows)

    read = read_row_values(attributes | {"mine": 1})
    assert read.keys() == rows.keys()
    assert all(np.array_equal(read[fold], rows[fold]) and read[fold].dtype == rows[fold].dtype for fold in rows)
    assert max(map(len, attributes.values())) <= PART_LENGTH


def test_too_many_rows_are_not_stored():
    assert make_row_attributes({0: np.zeros(MAX_BYTES // 4 + 1, np.float32)}) == {}
    assert make_row_attributes({}) == {}
    assert read_row_values({}) == {}


def test_labels_are_stored_too():
    attributes = make_row_attributes({0: np.array(["yes", "no"])})

    assert read_row_values(attributes)[0].tolist() == ["yes", "no"]


def test_what_only_a_pickle_could_hold_is_not_stored():
    assert make_row_attributes({0: np.array([{}, None], dtype=object)}) == {}
