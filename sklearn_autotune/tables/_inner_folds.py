"""Divides training rows once more, so that groups stay together and nothing is learnt from later rows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import config_context

from sklearn_autotune.tables._groups import number_groups
from sklearn_autotune.tables._table_data import TableData

__all__ = ["InnerFolds", "fit_with_inner_folds", "make_inner_folds", "use_inner_folds"]

N_FOLDS = 5

# Where rows follow time, there are this many times as many blocks as folds: of the first block nothing can be learnt,
# and of the next ones little.
BLOCKS_PER_FOLD = 2


@dataclass(frozen=True, slots=True)
class InnerFolds:
    """Folds inside the training rows, for what a model gets of a row and may not learn from the row's own target.

    Attributes
    ----------
    groups : ndarray of int of shape (n_samples,) or None
        The number of each row's group: nothing is learnt for a row from other rows of its group.
    times : ndarray of shape (n_samples,) or None
        The time of each row: what is learnt for a row comes from earlier rows.
    """

    groups: np.ndarray | None = None
    times: np.ndarray | None = None

    @property
    def are_needed(self) -> bool:
        """Whether rows have groups or follow time, so that random folds will not do."""
        return self.groups is not None or self.times is not None

    @property
    def rule(self) -> str:
        """What rows are divided by: "time", "groups" or "random"."""
        return "time" if self.times is not None else "random" if self.groups is None else "groups"

    def take(self, rows: np.ndarray) -> "InnerFolds":
        """Return those of a table with some of the rows."""
        return InnerFolds(*(None if values is None else values[rows] for values in (self.groups, self.times)))

    def draw(
        self, rows: np.ndarray, y: np.ndarray, n_folds: int = N_FOLDS
    ) -> list[tuple[np.ndarray, np.ndarray]] | None:
        """Divide some rows of the table.

        Parameters
        ----------
        rows : ndarray of int
        y : ndarray of shape (n_rows,)
            The target of these rows. The groups of each fold have about the same mean of it.
        n_folds : int, default=5
            There are fewer if there are fewer groups or times. Where rows follow time, there are more, and they are
            tested on one block of rows after the other; the rows of the first block are in no test part.

        Returns
        -------
        folds : list of (ndarray of int, ndarray of int) or None
            Positions in ``rows``; an empty list if there is a single group or time. None if random folds will do.
        """
        groups = None if self.groups is None else self.groups[rows]
        if self.times is not None:
            return _draw_forward_folds(self.times[rows], groups, BLOCKS_PER_FOLD * n_folds)
        return None if groups is None else _draw_group_folds(groups, y, n_folds)

    def hold_out(self, rows: np.ndarray, class_codes: np.ndarray, share: float, seed: int) -> np.ndarray:
        """Choose rows for early stopping: the last ones, or those of some groups.

        Parameters
        ----------
        rows : ndarray of int
        class_codes : ndarray of int of shape (n_rows,)
            The class of each of these rows, from 0. Each class keeps a row for training.
        share : float
            About this share of the rows is chosen.
        seed : int

        Returns
        -------
        held_out : ndarray of bool of shape (n_rows,)
            No row is chosen if no group can be spared, or if random rows will do.
        """
        values = self.groups if self.times is None else self.times
        if values is None:
            return np.zeros(len(rows), dtype=bool)
        _, units = np.unique(values[rows], return_inverse=True)
        if self.times is not None:
            order = np.arange(units.max() + 1)[::-1]
        else:
            order = np.random.RandomState(seed).permutation(units.max() + 1)
        n_left = np.bincount(class_codes)
        held_out = np.zeros(len(rows), dtype=bool)
        n_rows_left = max(1, round(share * len(rows)))
        sizes = np.bincount(units)
        starts = np.cumsum(sizes) - sizes
        by_unit = np.argsort(units, kind="stable")
        for unit in order.tolist():
            if n_rows_left <= 0:
                break
            chosen = by_unit[starts[unit] : starts[unit] + sizes[unit]]
            n_chosen = np.bincount(class_codes[chosen], minlength=len(n_left))
            if (n_left - n_chosen)[n_chosen > 0].min() > 0:
                held_out[chosen] = True
                n_left, n_rows_left = n_left - n_chosen, n_rows_left - len(chosen)
        return held_out


def make_inner_folds(data: TableData, *, is_forward: bool) -> InnerFolds:
    """Return how training rows of a table are divided once more.

    Parameters
    ----------
    data : TableData
        If it has the user's ``groups``, rows of a group stay together, whatever draws the folds.
    is_forward : bool
        Whether the folds follow time. If the table has no times, the rows are in the order of time.
    """
    groups = number_groups(data.metadata["groups"]) if "groups" in data.metadata else None
    if not is_forward:
        return InnerFolds(groups)
    return InnerFolds(groups, np.arange(len(data.y)) if data.times is None else data.times)


def fit_with_inner_folds(preparation: Any, X: Any, y: np.ndarray, folds: Sequence[Any] | None) -> Any:
    """Fit a `ColumnTransformer` and return what it makes of the table; its parts get the folds that they request."""
    if folds is None:
        return preparation.fit_transform(X, y)
    with config_context(enable_metadata_routing=True):
        return preparation.fit_transform(X, y, inner_folds=folds)


@contextmanager
def use_inner_folds(model: Any, inner: InnerFolds, rows: np.ndarray, y: np.ndarray) -> Iterator[None]:
    """Let a model that cross-validates itself, such as `CalibratedClassifierCV`, keep groups together in its fit.

    It needs all classes in each training part, and folds in which each row is tested. So nothing is changed where the
    groups do not allow this, and where rows follow time.
    """
    n_folds = model.get_params(deep=False).get("cv")
    folds = inner.draw(rows, y, n_folds) if isinstance(n_folds, int) and inner.times is None else None
    if not folds or (y.dtype.kind in "iu" and any(len(np.unique(y[train])) < len(np.unique(y)) for train, _ in folds)):
        yield
        return
    model.set_params(cv=folds)
    try:
        yield
    finally:
        model.set_params(cv=n_folds)


def _draw_group_folds(groups: np.ndarray, y: np.ndarray, n_folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Deal groups to folds in the order of the mean of their target, groups with the same mean at random.

    scikit-learn's `StratifiedGroupKFold` takes seconds for thousands of groups, and these folds are drawn in each fit.
    """
    codes, counts = np.unique(groups, return_inverse=True, return_counts=True)[1:]
    n_folds = min(n_folds, len(counts))
    if n_folds < 2:
        return []
    means = np.bincount(codes, np.asarray(y, dtype=float)) / counts
    order = np.lexsort((np.random.RandomState(0).permutation(len(counts)), means))
    fold_of = np.empty(len(counts), dtype=int)
    fold_of[order] = np.arange(len(counts)) % n_folds
    fold = fold_of[codes]
    return [(np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(n_folds)]


def _draw_forward_folds(
    times: np.ndarray, groups: np.ndarray | None, n_blocks: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Divide rows into blocks of time; each block but the first is tested on what comes before, of other groups."""
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    n_blocks = min(n_blocks, len(times))
    firsts = ordered[[len(times) * block // n_blocks for block in range(1, n_blocks)]]
    bounds = np.unique(np.searchsorted(ordered, firsts, side="left"))  # rows of the same time stay together
    folds = []
    for start, end in zip(bounds, [*bounds[1:], len(times)], strict=True):
        train, test = order[:start], order[start:end]
        if groups is not None:
            train = train[~np.isin(groups[train], groups[test])]
        if len(train):
            folds.append((np.sort(train), np.sort(test)))
    return folds
