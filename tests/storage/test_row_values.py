"""Row values in the attributes of stored trials."""

import numpy as np
import optuna
import pytest

from sklearn_autotune.storage._row_values import MAX_BYTES, PART_LENGTH, read_row_values, set_row_values


@pytest.mark.parametrize("size", [1, 10, 20_000, 100_000])
def test_what_is_stored_is_read_again_from_parts_that_any_database_holds(size):
    trial = optuna.trial.create_trial(value=1.0, user_attrs={"mine": 1})
    rows = {0: np.random.RandomState(0).normal(size=size).astype(np.float32), 2: np.arange(size) > 3}

    set_row_values(trial, rows)

    read = read_row_values(trial)
    assert read.keys() == rows.keys()
    assert all(np.array_equal(read[fold], rows[fold]) and read[fold].dtype == rows[fold].dtype for fold in rows)
    assert trial.user_attrs["mine"] == 1
    assert max(len(text) for name, text in trial.user_attrs.items() if name != "mine") <= PART_LENGTH


def test_too_many_rows_are_not_stored():
    trial = optuna.trial.create_trial(value=1.0)

    set_row_values(trial, {0: np.zeros(MAX_BYTES // 4 + 1, np.float32)})

    assert not trial.user_attrs
    assert read_row_values(trial) == {}


def test_labels_are_stored_too():
    trial = optuna.trial.create_trial(value=1.0)
    set_row_values(trial, {0: np.array(["yes", "no"])})

    assert read_row_values(trial)[0].tolist() == ["yes", "no"]
