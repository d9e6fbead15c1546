"""The folds of `AutoModelSelector`: the user's, or those that it draws."""

import numbers
import warnings
from typing import Any

import numpy as np

from sklearn_autotune._compat.types import CrossValidation
from sklearn_autotune.evaluation._defaults import draw_group_folds, limit_to_rarest_class, make_shuffled_folds

__all__ = ["make_folds"]

# Numbers of rows, and how many folds there are below each of them; MIN_FOLDS from the last one on.
FOLDS_BELOW_ROWS = ((3000, 8), (20_000, 5))
MIN_FOLDS = 3


def make_folds(
    cv: CrossValidation,
    y: np.ndarray,
    is_classification: bool,
    seed: int,
    *,
    may_lack_classes: bool,
    groups: np.ndarray | None = None,
) -> Any:
    """Return the user's ``cv``, or the default folds. If there are groups, a number of folds keeps them together.

    Parameters
    ----------
    cv : int, splitter, iterable or None
    y : ndarray of shape (n_rows,)
    is_classification : bool
    seed : int
    may_lack_classes : bool
        Whether a fold's test rows can be scored without all classes.
    groups : ndarray of int of shape (n_rows,) or None, default=None
        Numbers of groups; None if there are none, or if ``cv`` is a splitter.

    Returns
    -------
    cv : int, splitter or list
    """
    if cv is None:
        return _make_default_folds(y, is_classification, seed, may_lack_classes=may_lack_classes, groups=groups)
    if groups is not None and isinstance(cv, numbers.Integral):
        return draw_group_folds(y, groups, int(cv), is_classification, seed, is_exact=True)
    return cv


def _make_default_folds(
    y: np.ndarray, is_classification: bool, seed: int, *, may_lack_classes: bool, groups: np.ndarray | None
) -> Any:
    """Make the folds that are used if ``cv`` is None: fewer folds for more rows.

    If a fold's test rows cannot be scored without all classes, there are at most as many folds as the rarest class has
    rows.
    """
    n_folds = next((folds for rows, folds in FOLDS_BELOW_ROWS if len(y) < rows), MIN_FOLDS)
    if groups is not None:
        return draw_group_folds(y, groups, n_folds, is_classification, seed, may_lack_classes=may_lack_classes)
    if not is_classification:
        return make_shuffled_folds(min(n_folds, len(y)), is_classification, seed)
    counts = np.unique(y, return_counts=True)[1]
    if may_lack_classes and counts.min() < n_folds <= counts.max():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class")
            return list(make_shuffled_folds(n_folds, is_classification, seed).split(y, y))
    return make_shuffled_folds(limit_to_rarest_class(n_folds, counts), is_classification, seed)
