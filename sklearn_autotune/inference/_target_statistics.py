"""Replaces categories by means of the target and by how often they occur."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils.validation import check_is_fitted

__all__ = ["CategoryStatistics", "TargetStatistics", "draw_inner_folds"]

N_FOLDS = 5

# The mean of all rows counts as much as this number of rows of a category, at least and at most.
MIN_PRIOR_ROWS, MAX_PRIOR_ROWS = 1.0, 1000.0


class TargetStatistics(TransformerMixin, BaseEstimator):
    """Replaces category codes by the mean of the target and by how many rows a category has.

    Of each column there are the mean of the target (for more than two classes, the share of each class) and the
    logarithm of the number of training rows of the category. The means of rare categories are drawn towards that of all
    rows. Training rows get means from folds inside the training rows, so that none depends on the row's own target. A
    missing code is a category of its own.

    Parameters
    ----------
    is_classification : bool

    Attributes
    ----------
    columns_ : list of CategoryStatistics
        The statistics of each column.
    """

    def __init__(self, is_classification: bool) -> None:
        self.is_classification = is_classification

    def fit(self, X: np.ndarray, y: np.ndarray) -> "TargetStatistics":
        """Learn the statistics of all rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)
            Codes from 0, NaN where they are missing.
        y : ndarray of shape (n_samples,)

        Returns
        -------
        self : object
        """
        targets = self._make_targets(y)
        self.columns_ = [CategoryStatistics.fit(codes, targets) for codes in X.T]
        return self

    def fit_transform(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Learn the statistics of all rows, and return for each row those of other folds.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)
        y : ndarray of shape (n_samples,)

        Returns
        -------
        X_out : ndarray of shape (n_samples, n_columns_out)
        """
        self.fit(X, y)
        encoded = self.transform(X)
        targets = self._make_targets(y)
        width = encoded.shape[1] // X.shape[1] if X.shape[1] else 0
        for train, test in draw_inner_folds(y, self.is_classification) if width else ():
            for index, codes in enumerate(X.T):
                statistics = CategoryStatistics.fit(codes[train], targets[train])
                first = index * width  # the last column, the number of rows, is the same for all folds
                encoded[test, first : first + width - 1] = statistics.look_up(codes[test])[:, :-1]
        return encoded

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the statistics of the categories; for unknown ones the mean of all rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)

        Returns
        -------
        X_out : ndarray of shape (n_samples, n_columns_out)
        """
        check_is_fitted(self)
        found = [column.look_up(codes) for column, codes in zip(self.columns_, X.T, strict=True)]
        return np.hstack([np.empty((len(X), 0)), *found])

    def _make_targets(self, y: np.ndarray) -> np.ndarray:
        """Return the target, or whether it is each class; of two classes the second one."""
        if not self.is_classification:
            return np.asarray(y, dtype=np.float64)[:, None]
        classes, codes = np.unique(y, return_inverse=True)
        is_class = (np.arange(len(classes)) == codes[:, None]).astype(np.float64)
        return is_class[:, 1:] if len(classes) == 2 else is_class


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
    def fit(cls, codes: np.ndarray, targets: np.ndarray) -> "CategoryStatistics":
        """Compute the statistics of one column; a missing code comes after the known ones."""
        known = codes[~np.isnan(codes)]
        n_known = int(known.max()) + 1 if len(known) else 0
        index = np.where(np.isnan(codes), n_known, codes).astype(int)
        counts = np.bincount(index, minlength=n_known + 1)[:, None].astype(np.float64)
        overall = targets.mean(axis=0)
        centred = targets - overall
        sums = np.column_stack([np.bincount(index, column, minlength=n_known + 1) for column in centred.T])
        squares = np.column_stack([np.bincount(index, column**2, minlength=n_known + 1) for column in centred.T])
        means = overall + sums / (counts + _estimate_prior_rows(counts, sums, squares))
        return cls(np.vstack([np.hstack([means, np.log1p(counts)]), np.append(overall, 0.0)]))

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
