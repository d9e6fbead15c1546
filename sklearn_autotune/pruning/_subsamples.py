"""Subsamples: parts of the first fold's training rows, on which a candidate can be measured before its first fold.

The rows are drawn once per ``fit``, so all candidates are measured on the same ones. They are drawn with a fixed seed:
for the same folds they are the same rows in every process, also where a search is resumed.
"""

from dataclasses import replace

import numpy as np

from sklearn_autotune._compat.sklearn import take_rows
from sklearn_autotune.evaluation import Fold, Task
from sklearn_autotune.evaluation._base import get_positions, is_forward

__all__ = ["add_subsample", "order_training_rows"]

# A subsample has at least so many rows, and so many rows of each class. If this is more than the largest share of the
# training rows, there is none, because it would cost nearly as much as the whole fold.
MIN_ROWS = 60
MIN_ROWS_PER_CLASS = 5
MAX_SHARE = 1 / 3

# A score on fewer test rows is too coarse to stop a candidate that was fitted on a part of the rows.
MIN_TEST_ROWS = 10


def add_subsample(task: Task, share: float, *, is_classification: bool) -> Task:
    """Return the task with a subsample of the first fold, if the fold has enough rows.

    Parameters
    ----------
    task : Task
    share : float
        The share of the training rows; more if they would be too few.
    is_classification : bool
        Whether each class has the same share of its rows.

    Returns
    -------
    task : Task
        The same object if there are too few rows or folds.
    """
    fold = task.folds[0]
    train, test = get_positions(fold.train), get_positions(fold.test)
    if len(task.folds) < 2 or len(test) < MIN_TEST_ROWS or not len(train):
        return task
    labels = _get_labels(task, train) if is_classification else None
    n_rows = max(round(share * len(train)), MIN_ROWS)
    if labels is not None:
        n_rows = max(n_rows, int(np.ceil(MIN_ROWS_PER_CLASS * len(labels) / np.bincount(labels).min())))
    if n_rows > MAX_SHARE * len(train):
        return task
    order = order_training_rows(len(train), labels, is_time_ordered=is_forward(task.folds))
    return replace(task, subsamples=(Fold(-1, train[np.sort(order[:n_rows])], fold.test),))


def order_training_rows(n_rows: int, labels: np.ndarray | None = None, *, is_time_ordered: bool = False) -> np.ndarray:
    """Return the positions of the training rows in the order in which subsamples take them.

    Parameters
    ----------
    n_rows : int
    labels : ndarray of int of shape (n_rows,) or None, default=None
        The classes, from 0; the first rows have about the same share of each class as all rows.
    is_time_ordered : bool, default=False
        Whether to take the last rows first, instead of random ones.

    Returns
    -------
    order : ndarray of int of shape (n_rows,)

    Examples
    --------
    >>> order_training_rows(4, is_time_ordered=True)
    array([3, 2, 1, 0])
    >>> labels = np.array([0] * 6 + [1] * 3)
    >>> labels[order_training_rows(9, labels)[:3]].tolist()
    [0, 1, 0]
    """
    if is_time_ordered:
        return np.arange(n_rows)[::-1]
    shuffled = np.random.RandomState(0).permutation(n_rows)
    if labels is None:
        return shuffled
    positions = np.empty(n_rows)
    for label, count in enumerate(np.bincount(labels)):
        positions[labels[shuffled] == label] = (np.arange(count) + 0.5) / max(1, count)
    return shuffled[np.argsort(positions, kind="stable")]


def _get_labels(task: Task, train: np.ndarray) -> np.ndarray | None:
    """Return the classes of the training rows as numbers from 0; None if a row has several labels."""
    y = np.asarray(take_rows(task.y, train))
    if y.ndim != 1:
        return None
    try:
        return np.unique(y, return_inverse=True)[1].ravel()
    except TypeError:  # labels of different types cannot be sorted
        return None
