"""Rows as a model gets them are divided into those for training and those for early stopping."""

import numpy as np
import pytest

from sklearn_autotune.tables._prepared_rows import PreparedRows


@pytest.mark.parametrize("weight", [None, np.arange(5.0)], ids=["no weights", "weights"])
def test_each_row_keeps_its_target_and_weight(weight):
    rows = PreparedRows(np.arange(10).reshape(5, 2), np.arange(5), weight)

    train, held_out = rows.split(np.arange(5) == 3)

    assert train.y.tolist() == [0, 1, 2, 4]
    assert held_out.X.tolist() == [[6, 7]]
    assert (held_out.weight is None) if weight is None else (held_out.weight.tolist() == [3.0])
