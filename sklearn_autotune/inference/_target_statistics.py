"""Replaces categories by means of the target and by how often they occur."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils.validation import check_is_fitted

__all__ = ["CategoryStatistics", "InnerFoldList", "TargetStatistics", "draw_inner_folds"]

N_FOLDS = 5

# Training rows and test rows of each fold.
InnerFoldList = Sequence[tuple[np.ndarray, np.ndarray]]

# The mean of all rows counts as much as this number of rows of a category, at least and at most.
MIN_PRIOR_ROWS, MAX_PRIOR_ROWS = 0.1, 1000.0

MAX_CLASSES = 30  # each takes a column for each column of categories


class TargetStatistics(TransformerMixin, BaseEstimator):
    """Replaces category codes by the mean of the target and by how many rows a category has.

    Of each column there are the mean of the target (for more than two classes, the share of each class; of more than
    30 classes, of each of the 30 most frequent ones) and the logarithm of the number of training rows of the category.
    The means of rare categories are drawn towards that of all rows. Training rows get means from folds inside the
    training rows, so that none depends on the row's own target. A missing code is a category of its own.

    Parameters
    ----------
    is_classification : bool

    Attributes
    ----------
    columns_ : list of CategoryStatistics
        The statistics of each column.

    Notes
    -----
    Folds that keep groups together, or follow time, are metadata that it requests. Then the numbers of rows come from
    these folds too, in proportion to the number of all rows: those of later rows would tell what is to come, and in
    prediction the category of a new group is not known.
    """

    # scikit-learn's way to say which metadata `fit` and `fit_transform` take.
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"inner_folds": True}

    def __init__(self, is_classification: bool) -> None:
        self.is_classification = is_classification

    def fit(self, X: np.ndarray, y: np.ndarray, inner_folds: InnerFoldList | None = None) -> "TargetStatistics":
        """Learn the statistics of all rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)
            Codes from 0, NaN where they are missing.
        y : ndarray of shape (n_samples,)
        inner_folds : list of (ndarray of int, ndarray of int) or None, default=None
            Without effect here; see `fit_transform`.

        Returns
        -------
        self : object
        """
        targets = self._make_targets(y)
        self.columns_ = [CategoryStatistics.fit(codes, targets) for codes in X.T]
        return self

    def fit_transform(self, X: np.ndarray, y: np.ndarray, inner_folds: InnerFoldList | None = None) -> np.ndarray:
        """Learn the statistics of all rows, and return for each row those of other folds.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)
        y : ndarray of shape (n_samples,)
        inner_folds : list of (ndarray of int, ndarray of int) or None, default=None
            Training rows and test rows. Rows that are in no test part get the values of an unknown category. None draws
            rows at random.

        Returns
        -------
        X_out : ndarray of shape (n_samples, n_columns_out)
        """
        self.fit(X, y)
        targets = self._make_targets(y)
        width = targets.shape[1] + 1
        encoded = self.transform(X)
        if inner_folds is None:
            inner_folds, n_replaced = draw_inner_folds(y, self.is_classification), width - 1
        else:
            n_replaced = width  # the last column, the number of rows, comes from the folds too
        is_tested = np.zeros(len(y), dtype=bool)
        is_tested[np.concatenate([np.empty(0, dtype=int), *(test for _, test in inner_folds)])] = True
        # The mean of a fold's training rows would tell which fold a row is in, and so a little of its target. Where
        # rows follow time, later ones have no part in it.
        overall = targets.mean(axis=0) if n_replaced == width and is_tested.all() else None
        if n_replaced == width and not is_tested.all():
            encoded[~is_tested] = np.tile(np.append(targets[~is_tested].mean(axis=0), 0.0), X.shape[1])
        for train, test in inner_folds if X.shape[1] else ():
            for index, codes in enumerate(X.T):
                statistics = CategoryStatistics.fit(codes[train], targets[train], n_rows=len(y), overall=overall)
                found = statistics.look_up(codes[test])
                encoded[test, index * width : index * width + n_replaced] = found[:, :n_replaced]
        return encoded

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the statistics of the categories; for unknown ones the mean of all rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)

        Returns
        -------
        X_out : ndarray of shape (n_samples, n_columns_out)
            32-bit floats if X has these, otherwise 64-bit floats.
        """
        check_is_fitted(self)
        dtype = np.float32 if X.dtype == np.float32 else np.float64
        found = [column.look_up(codes).astype(dtype) for column, codes in zip(self.columns_, X.T, strict=True)]
        return np.hstack([np.empty((len(X), 0), dtype=dtype), *found])

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Return the names of the columns of `transform`: that of a column of codes, and a number."""
        check_is_fitted(self)
        names = [f"x{index}" for index in range(len(self.columns_))] if input_features is None else input_features
        pairs = zip(names, self.columns_, strict=True)
        return np.array([f"{name}_{k}" for name, column in pairs for k in range(column.table.shape[1])], dtype=object)

    def _make_targets(self, y: np.ndarray) -> np.ndarray:
        """Return the target, or whether it is each class; of two classes the second one."""
        if not self.is_classification:
            return np.asarray(y, dtype=np.float64)[:, None]
        classes, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
        shown = np.sort(np.argsort(-counts, kind="stable")[:MAX_CLASSES]) if len(classes) != 2 else np.array([1])
        return (shown == codes[:, None]).astype(np.float64)


class CategoryStatistics:
    """Statistics of the categories of one column.

    Parameters
    ----------
    table : ndarray of shape (n_categories + 2, n_statistics)
        The last rows are for missing codes, and for those that are unknown.
    """

    def __init__(self, table: np.ndarray) -> None:
        self.table = table

    @classmethod
    def fit(
        cls, codes: np.ndarray, targets: np.ndarray, *, n_rows: int | None = None, overall: np.ndarray | None = None
    ) -> "CategoryStatistics":
        """Compute the statistics of one column; a missing code comes after the known ones.

        Parameters
        ----------
        codes : ndarray of shape (n_samples,)
        targets : ndarray of shape (n_samples, n_targets)
        n_rows : int or None, default=None
            The numbers of rows are those of a table with so many rows; None is ``n_samples``.
        overall : ndarray of shape (n_targets,) or None, default=None
            The mean that stands for unknown categories; None is that of ``targets``.
        """
        known = codes[~np.isnan(codes)]
        n_known = int(known.max()) + 1 if len(known) else 0
        index = np.where(np.isnan(codes), n_known, codes).astype(int)
        counts = np.bincount(index, minlength=n_known + 1)[:, None].astype(np.float64)
        overall = targets.mean(axis=0) if overall is None else overall
        centred = targets - overall
        sums = np.column_stack([np.bincount(index, column, minlength=n_known + 1) for column in centred.T])
        squares = np.column_stack([np.bincount(index, column**2, minlength=n_known + 1) for column in centred.T])
        means = overall + sums / (counts + _estimate_prior_rows(counts, sums, squares))
        scaled = counts * (1.0 if n_rows is None else n_rows / len(codes))
        return cls(np.vstack([np.hstack([means, np.log1p(scaled)]), np.append(overall, 0.0)]))

    def look_up(self, codes: np.ndarray) -> np.ndarray:
        """Return the statistics of each row's category."""
        n_known = len(self.table) - 2
        is_unknown = codes >= n_known
        index = np.where(np.isnan(codes), n_known, np.where(is_unknown, n_known + 1, codes)).astype(int)
        return self.table[index]


def _estimate_prior_rows(counts: np.ndarray, sums: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Return, for each target, for how many rows of a category its mean counts as much as that of all rows.

    This is the ratio of the variance within categories to that between them, which an analysis of variance estimates.
    """
    n_rows, n_used = counts.sum(), int((counts > 0).sum())
    squares_between = (sums**2 / np.maximum(counts, 1)).sum(axis=0)
    within = np.maximum(squares.sum(axis=0) - squares_between, 0) / max(n_rows - n_used, 1)
    rows_per_category = (n_rows - (counts**2).sum() / n_rows) / max(n_used - 1, 1)
    between = squares_between / max(n_used - 1, 1) - within  # this, times the rows of a category
    ratio = np.full(len(within), MAX_PRIOR_ROWS)
    np.divide(within * rows_per_category, between, out=ratio, where=between > 0)
    return np.clip(ratio, MIN_PRIOR_ROWS, MAX_PRIOR_ROWS)


def draw_inner_folds(y: np.ndarray, is_classification: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Divide training rows into folds, so that what is learnt for a row comes from other rows.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    is_classification : bool
        Whether the folds are stratified, if each class has a row for each fold.

    Returns
    -------
    folds : list of (ndarray of int, ndarray of int)
        None if there is a single row.
    """
    n_folds = min(N_FOLDS, len(y))
    if n_folds < 2:
        return []
    if is_classification and np.unique(y, return_counts=True)[1].min() >= n_folds:
        return list(StratifiedKFold(n_folds, shuffle=True, random_state=0).split(y, y))
    return list(KFold(n_folds, shuffle=True, random_state=0).split(y))
