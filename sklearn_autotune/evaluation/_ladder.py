"""The arithmetic of rungs: the amounts, the order in which rows come in, and which rung was best."""

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.multiclass import type_of_target

from sklearn_autotune.evaluation._base import Rung, select_score

__all__ = ["choose_rung", "compute_rung_amounts", "draw_stratified_order", "find_strata", "get_row_indices"]


def compute_rung_amounts(least: int, most: int, factor: float) -> tuple[int, ...]:
    """Return amounts that grow by a factor and end at the most.

    Parameters
    ----------
    least, most : int
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
        If the least is more than the most.

    Examples
    --------
    >>> compute_rung_amounts(1, 100, 3)
    (1, 4, 11, 33, 100)
    >>> compute_rung_amounts(20, 100, 3)
    (33, 100)
    """
    if least > most:
        raise ValueError(
            f"min_resources={least} is greater than max_resources={most}. Give a smaller min_resources, or 'auto'."
        )
    amounts = [most]
    power = 1
    while (amount := round(most / factor**power)) >= least:
        if amount < amounts[-1]:
            amounts.append(amount)
        power += 1
    return tuple(reversed(amounts))


def choose_rung(curve: Sequence[Rung], metric: str | None = None) -> int:
    """Return which rung of a curve has the best mean over the folds; of equal ones that with the least resource.

    Parameters
    ----------
    curve : sequence of Rung
    metric : str or None, default=None
        Which of several scores counts.

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
    """Order rows at random so that every beginning has each class in proportion, to within one row.

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
    R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32 (1980): let each class's k-th row be
    available from the place where its share has grown to k - 1 + d, and due where it would come to exceed k - d, with
    d = 1 / (2 n_classes - 2); at each place take the one that is due first. Then no share is ever off by more than
    1 - d.

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
    places = []
    for place in range(1, len(order) + 1):
        while waiting and available[waiting[-1]] <= place:
            row = waiting.pop()
            heappush(ready, (due[row], row))
        places.append(heappop(ready)[1])
    return order[places]


def find_strata(estimator: Any, y: Any) -> np.ndarray | None:
    """Return the class of each row, from 0; None where there is nothing to stratify by, as scikit-learn sees it."""
    if y is None or not is_classifier(estimator) or type_of_target(y) not in ("binary", "multiclass"):
        return None
    return np.unique(np.asarray(y).ravel(), return_inverse=True)[1]


def get_row_indices(rows: np.ndarray) -> np.ndarray:
    """Return the numbers of rows that may be given as a mask."""
    return np.flatnonzero(rows) if rows.dtype == bool else rows
