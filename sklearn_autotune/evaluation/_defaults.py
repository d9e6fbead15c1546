"""The scorer and the folds that are used if the user gives none."""

from typing import Any

import numpy as np
from sklearn.metrics import get_scorer, log_loss, make_scorer
from sklearn.model_selection import KFold, StratifiedKFold

__all__ = ["limit_to_rarest_class", "make_default_scorer", "make_log_loss_scorer", "make_shuffled_folds"]


def make_log_loss_scorer(classes: np.ndarray | None) -> Any:
    """Make a scorer of the negated log loss. It is given all classes, because a fold's test rows may lack some."""
    return make_scorer(log_loss, response_method="predict_proba", greater_is_better=False, labels=classes)


def make_default_scorer(classes: np.ndarray | None) -> Any:
    """Make a scorer of the negated log loss or, if ``classes`` is None, of the negated root mean squared error."""
    return get_scorer("neg_root_mean_squared_error") if classes is None else make_log_loss_scorer(classes)


def make_shuffled_folds(n_folds: int, is_classification: bool, seed: int | None) -> KFold | StratifiedKFold:
    """Make a splitter of shuffled folds, stratified by class in classification."""
    kind = StratifiedKFold if is_classification else KFold
    return kind(n_folds, shuffle=True, random_state=seed)


def limit_to_rarest_class(n_folds: int, class_counts: np.ndarray) -> int:
    """Return the number of stratified folds: at most as many as the rarest class has rows, but at least 2.

    Examples
    --------
    >>> import numpy as np
    >>> [limit_to_rarest_class(5, np.array([90, rarest])) for rarest in (1, 3, 10)]
    [2, 3, 5]
    """
    return int(np.clip(class_counts.min(), 2, n_folds))
