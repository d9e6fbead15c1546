"""The arithmetic of rungs: resource amounts, the order in which training rows are added, and the best rung."""

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.multiclass import type_of_target

from sklearn_autotune.evaluation._base import Rung
from sklearn_autotune.evaluation._failures import select_score

__all__ = ["choose_rung", "compute_rung_amounts", "draw_stratified_order", "find_strata", "get_row_indices"]


def compute_rung_amounts(min_amount: int, max_amount: int, factor: float) -> tuple[int, ...]:
    """Return amounts that end at the maximum, each larger than the one before by a factor.

    Parameters
    ----------
    min_amount, max_amount : int
        At least 1.
    factor : float
        Above 1.

    Returns
    -------
    amounts : tuple of int
        Ascending, each one once.

    Raises
    ------
    ValueError
        If the minimum is above the maximum.

    Examples
    --------
    >>> compute_rung_amounts(1, 100, 3)
    (1, 4, 11, 33, 100)
    >>> compute_rung_amounts(20, 100, 3)
    (33, 100)
    """
    if min_amount > max_amount:
        raise ValueError(
            f"min_resources={min_amount} is greater than max_resources={max_amount}. "
            "Give a smaller min_resources, or 'auto'."
        )
    amounts = [max_amount]
    power = 1
    while (amount := round(max_amount / factor**power)) >= min_amount:
        if amount < amounts[-1]:
            amounts.append(amount)
        power += 1
    return tuple(reversed(amounts))


def choose_rung(curve: Sequence[Rung], metric: str | None = None) -> int:
    """Return the index of the rung with the best mean score over the folds; of equal rungs, the first one.

    Parameters
    ----------
    curve : sequence of Rung
    metric : str or None, default=None
        Which of several scores is compared; None is the first one.

    Returns
    -------
    index : int

    Examples
    --------
    >>> choose_rung([Rung(10, (0.5, 0.6)), Rung(30, (0.7, 0.8)), Rung(90, (0.8, 0.7))])
    1
    """
    return int(np.argmax([np.mean([select_score(score, metric) for score in rung.test]) for rung in curve]))


def draw_stratified_order(classes: np.ndarray, random_state: np.random.RandomState) -> np.ndarray:
    """Order rows at random so that among the first n rows, for every n, each class has its share to within one row.

    Parameters
    ----------
    classes : ndarray of int of shape (n_rows,)
        The class of each row, from 0.
    random_state : RandomState

    Returns
    -------
    order : ndarray of int of shape (n_rows,)

    Notes
    -----
    The method is from R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32 (1980). Let
    d = 1 / (2 n_classes - 2). The k-th row of a class becomes available at the position where the class's share reaches
    k - 1 + d. It is due before the position where the share would exceed k - d. At each position, the available row
    that is due first is taken. Then the number of rows of a class differs from its share by at most 1 - d.

    Examples
    --------
    >>> import numpy as np
    >>> classes = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1])
    >>> classes[draw_stratified_order(classes, np.random.RandomState(0))]
    array([0, 1, 0, 0, 1, 0, 0, 1, 0])
    """
    order = random_state.permutation(len(classes))
    order = order[np.argsort(classes[order], kind="stable")]  # class by class, at random within
    kinds, sizes = np.unique(classes, return_counts=True)
    if len(kinds) < 2:
        return order
    parts = 2 * (len(kinds) - 1)
    k = np.concatenate([np.arange(1, size + 1) for size in sizes])
    share = np.repeat(sizes, sizes) * parts
    available = -((-((k - 1) * parts + 1) * len(order)) // share)
    due = (k * parts - 1) * len(order) // share + 1
    waiting = np.argsort(available, kind="stable").tolist()
    waiting.reverse()
    ready: list[tuple[int, int]] = []
    ordered = []
    for position in range(1, len(order) + 1):
        while waiting and available[waiting[-1]] <= position:
            row = waiting.pop()
            heappush(ready, (due[row], row))
        ordered.append(heappop(ready)[1])
    return order[ordered]


def find_strata(estimator: Any, y: Any) -> np.ndarray | None:
    """Return the class code of each row, or None if scikit-learn would not stratify by this target."""
    if y is None or not is_classifier(estimator) or type_of_target(y) not in ("binary", "multiclass"):
        return None
    return np.unique(np.asarray(y).ravel(), return_inverse=True)[1]


def get_row_indices(rows: np.ndarray) -> np.ndarray:
    """Return the indices of rows that are given as indices or as a boolean mask."""
    return np.flatnonzero(rows) if rows.dtype == bool else rows
