"""The folds that `AutoModelSelector` draws if the user names none."""

import warnings
from typing import Any

import numpy as np

from sklearn_autotune.evaluation._defaults import limit_to_rarest_class, make_shuffled_folds

__all__ = ["make_default_folds"]

# Numbers of rows, and how many folds there are below each of them; MIN_FOLDS from the last one on.
FOLDS_BELOW_ROWS = ((3000, 8), (20_000, 5))
MIN_FOLDS = 3


def make_default_folds(y: np.ndarray, is_classification: bool, seed: int, *, may_lack_classes: bool) -> Any:
    """Make the folds that are used if ``cv`` is None: fewer folds for more rows.

    ``may_lack_classes`` says that a fold's test rows can be scored without all classes. Otherwise there are at most as
    many folds as the rarest class has rows.
    """
    n_folds = next((folds for rows, folds in FOLDS_BELOW_ROWS if len(y) < rows), MIN_FOLDS)
    if not is_classification:
        return make_shuffled_folds(min(n_folds, len(y)), is_classification, seed)
    counts = np.unique(y, return_counts=True)[1]
    if may_lack_classes and counts.min() < n_folds <= counts.max():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class")
            return list(make_shuffled_folds(n_folds, is_classification, seed).split(y, y))
    return make_shuffled_folds(limit_to_rarest_class(n_folds, counts), is_classification, seed)
