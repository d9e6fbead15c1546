"""Columns that are worth a curve."""

import numpy as np

from sklearn_autotune.inference._splines import find_many_valued_columns


def test_columns_of_few_values_get_no_curve():
    X = np.column_stack([np.arange(40), np.arange(40) % 9, np.zeros(40), np.arange(40) % 10])

    assert find_many_valued_columns(X) == [0, 3]
