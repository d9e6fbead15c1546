"""The scorer and the folds that are used if the user gives none."""

import warnings
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer, log_loss, make_scorer
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

__all__ = [
    "draw_group_folds",
    "limit_to_rarest_class",
    "make_default_scorer",
    "make_log_loss_scorer",
    "make_shuffled_folds",
]


def make_log_loss_scorer(classes: np.ndarray | None) -> Any:
    """Make a scorer of the negated log loss. It is given all classes, because a fold's test rows may lack some."""
    return make_scorer(log_loss, response_method="predict_proba", greater_is_better=False, labels=classes)


def make_default_scorer(classes: np.ndarray | None) -> Any:
    """Make a scorer of the negated log loss or, if ``classes`` is None, of the negated root mean squared error."""
    return get_scorer("neg_root_mean_squared_error") if classes is None else make_log_loss_scorer(classes)


def make_shuffled_folds(n_folds: int, is_classification: bool, seed: int | None, *, has_groups: bool = False) -> Any:
    """Make a splitter of shuffled folds, stratified by class in classification.

    With ``has_groups``, it keeps the rows of each group in one fold.
    """
    kind = _choose_splitter(is_classification, has_groups=has_groups)
    return kind(n_folds, shuffle=True, random_state=seed)


def _choose_splitter(is_classification: bool, *, has_groups: bool) -> Any:
    if has_groups:
        return StratifiedGroupKFold if is_classification else GroupKFold
    return StratifiedKFold if is_classification else KFold


def draw_group_folds(
    y: np.ndarray,
    groups: np.ndarray,
    n_folds: int,
    is_classification: bool,
    seed: int | None,
    *,
    may_lack_classes: bool = True,
    is_exact: bool = False,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw folds that keep the rows of each group together.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    groups : ndarray of int of shape (n_samples,)
        The number of each row's group.
    n_folds : int
        There are fewer folds if there are fewer groups, or if the folds would lack what they need; at least 2.
    is_classification : bool
        Whether folds are stratified by class, as far as the groups allow.
    seed : int or None
        None does not shuffle the groups.
    may_lack_classes : bool, default=True
        Whether a fold's test rows can be scored without all classes.
    is_exact : bool, default=False
        Whether fewer folds than ``n_folds`` are an error.

    Returns
    -------
    folds : list of tuple of ndarray
        Training rows and test rows.

    Raises
    ------
    ValueError
        If there have to be exactly ``n_folds``, and the groups do not allow so many.
    """
    n_asked, n_groups = n_folds, len(np.unique(groups))
    classes, counts = np.unique(y, return_counts=True)
    needs_classes = is_classification and not may_lack_classes
    # scikit-learn refuses more stratified folds than the largest class has rows, and there are two at least.
    is_stratified = is_classification and counts.max() > 1
    kind = _choose_splitter(is_stratified, has_groups=True)
    n_folds = max(2, min(n_folds, n_groups, int(counts.max()) if is_stratified else n_folds))
    while True:
        splitter = kind(n_folds, shuffle=seed is not None, random_state=seed)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class")
            folds = list(splitter.split(y, y, groups))
        n_least = len(classes) if needs_classes else 1
        if n_folds == 2 or all(len(np.unique(y[test])) >= n_least for _, test in folds):
            break
        n_folds -= 1
    if is_exact and n_folds < n_asked:
        raise ValueError(
            f"cv={n_asked} folds are more than the groups allow: {n_groups} groups make {n_folds} folds. Pass "
            f"cv={n_folds} or fewer, or your own splitter."
        )
    return folds


def limit_to_rarest_class(n_folds: int, class_counts: np.ndarray) -> int:
    """Return the number of stratified folds: at most as many as the rarest class has rows, but at least 2.

    Examples
    --------
    >>> import numpy as np
    >>> [limit_to_rarest_class(5, np.array([90, rarest])) for rarest in (1, 3, 10)]
    [2, 3, 5]
    """
    return int(np.clip(class_counts.min(), 2, n_folds))
