"""Which columns of a prepared table are worth a curve."""

from typing import Any

import numpy as np

__all__ = ["find_many_valued_columns"]

# A column of codes, or of few different numbers, gains little from splines, and its knots would coincide.
MIN_VALUES = 10


def find_many_valued_columns(X: Any) -> list[int]:
    """Find the columns that have at least ten different values; a ColumnTransformer calls it when it is fitted.

    Examples
    --------
    >>> import numpy as np
    >>> find_many_valued_columns(np.column_stack([np.arange(20), np.arange(20) % 2]))
    [0]
    """
    X = np.asarray(X)
    return [column for column in range(X.shape[1]) if len(np.unique(X[:, column])) >= MIN_VALUES]
