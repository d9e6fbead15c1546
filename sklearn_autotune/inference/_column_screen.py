"""Keeps the columns of a wide table that say more of the target than noise does."""

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

__all__ = ["ColumnScreen"]

# At least this number of columns is kept: those that come next after noise.
MIN_COLUMNS = 20

# The noise: at least this number of columns, which are permuted copies of the table's columns.
MIN_NOISE_COLUMNS = 2000

# Columns are examined in blocks, so that little memory is needed beside the table.
BLOCK = 500

# Scaled values beyond are clipped, as in the preparation of linear models.
MAX_SCALED = 5.0


class ColumnScreen(TransformerMixin, BaseEstimator):
    """Keeps columns of numbers that are more closely related to the target than the best noise column.

    The noise columns are the numbers with their rows permuted. The relation is measured by the share of the target's
    variance that a straight line explains, or for classes by the share of the column's variance between them; once for
    the column, and once for its distance from its mean. So columns without an effect of their own are lost, even if
    they matter together with others.

    Parameters
    ----------
    always_kept : sequence of int
        Columns that are kept whatever they say, such as categories.
    is_classification : bool

    Attributes
    ----------
    kept_ : ndarray of int
        The columns that are kept.
    """

    def __init__(self, always_kept: Sequence[int], is_classification: bool) -> None:
        self.always_kept = always_kept
        self.is_classification = is_classification

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> "ColumnScreen":
        """Choose the columns.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)
            NaN for missing values, which count as the mean.
        y : ndarray of shape (n_samples,)
        groups : ndarray of int of shape (n_samples,) or None, default=None
            Numbers of groups from 0. In the noise, whole groups change their places, so that it is as alike within
            groups as the columns are.

        Returns
        -------
        self : object
        """
        others = np.asarray(self.always_kept, dtype=int)
        numbers = np.setdiff1d(np.arange(X.shape[1]), others)
        targets = _make_targets(y, self.is_classification)
        random = np.random.RandomState(0)
        n_permutations = -(-MIN_NOISE_COLUMNS // max(1, len(numbers)))
        permuted = [targets[_permute_rows(len(X), groups, random)] for _ in range(n_permutations)]
        found, noise = [], np.zeros(2)
        for first in range(0, len(numbers), BLOCK):
            values = _standardize(X[:, numbers[first : first + BLOCK]])
            for index, part in enumerate((values, _standardize(np.abs(values)))):
                found.append(_measure_relation(part, targets))
                noise[index] = max(noise[index], *(_measure_relation(part, shuffled).max() for shuffled in permuted))
        relation = np.vstack([np.concatenate(found[::2]), np.concatenate(found[1::2])])
        excess = (relation / np.maximum(noise, 1e-12)[:, None]).max(axis=0)
        n_kept = max(MIN_COLUMNS, int((excess > 1).sum()))
        chosen = numbers[np.argsort(-excess, kind="stable")[:n_kept]]
        self.kept_ = np.union1d(chosen, others)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the columns that are kept.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)

        Returns
        -------
        X_out : ndarray of shape (n_samples, n_kept)
        """
        check_is_fitted(self)
        return X[:, self.kept_]


def _permute_rows(n_rows: int, groups: np.ndarray | None, random: np.random.RandomState) -> np.ndarray:
    """Return the rows in random order or, with groups, each group's rows in the places of another group."""
    if groups is None:
        return random.permutation(n_rows)
    places = np.argsort(groups, kind="stable")
    moved = np.argsort(random.permutation(int(groups.max()) + 1)[groups], kind="stable")
    rows = np.empty(n_rows, dtype=int)
    rows[places] = moved
    return rows


def _make_targets(y: np.ndarray, is_classification: bool) -> np.ndarray:
    """Return columns of length 1: the target, or one for each class, that add up to the share of the variance."""
    if not is_classification:
        centred = (np.asarray(y, dtype=np.float64) - np.mean(y))[:, None]
        return centred / (np.linalg.norm(centred) or 1.0)
    _, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    return (np.arange(len(counts)) == codes[:, None]) / np.sqrt(counts)


def _standardize(values: np.ndarray) -> np.ndarray:
    """Return values with mean 0 and length 1 in each column; 0 for missing ones and constant columns."""
    known = ~np.isnan(values)
    n_known = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, values, 0.0)
    centred -= np.where(known, centred.sum(axis=0) / n_known, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / n_known)
    np.divide(centred, spread, out=centred, where=spread > 1e-12)
    np.clip(centred, -MAX_SCALED, MAX_SCALED, out=centred)
    centred -= centred.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    return np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-9)


def _measure_relation(values: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return for each column the share of variance that is explained."""
    return ((values.T @ targets) ** 2).sum(axis=1)
