"""Describes texts by numbers that are learnt on training rows: topics, and predictions of a linear model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import Ridge
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_is_fitted

from sklearn_autotune.inference._target_statistics import InnerFoldList, draw_inner_folds
from sklearn_autotune.inference._text import N_GRAMS, GramReader, unpack_grams

__all__ = ["N_TOPICS", "TextEncoder", "TextEncoding"]

# N-grams that are kept: those in at least MIN_TEXTS_WITH_GRAM texts, of these the most frequent ones.
MIN_TEXTS_WITH_GRAM = 2
MAX_VOCABULARY = 10_000

# The number of components of the singular value decomposition, at most one for ROWS_PER_TOPIC rows.
N_TOPICS = 32
ROWS_PER_TOPIC = 20

# Strengths of the ridge penalty of linear models: in regression and for two classes, and for more classes.
STRENGTHS = (1.0, 10.0)
STRENGTHS_OF_MANY = (3.0,)

# For more classes there is no linear model: it would add a column for each.
MAX_SCORED_CLASSES = 20


class TextEncoder(GramReader, TransformerMixin, BaseEstimator):
    """Replaces texts, as a `TableReader` writes them, by columns of numbers; the other columns come first.

    N-grams are weighted by TF-IDF (with the logarithm of the counts). Of these there are the components of a truncated
    singular value decomposition, and the predictions of ridge regressions of the target, for each class one. Those for
    training rows come from folds inside the training rows, so that none depends on the row's own target.

    Parameters
    ----------
    texts : sequence of (int, int)
        For each text, its first column with n-grams, and the number of these columns.
    is_classification : bool

    Attributes
    ----------
    encodings_ : list of TextEncoding
        What is learnt of each text.
    """

    def __init__(self, texts: Sequence[tuple[int, int]], is_classification: bool) -> None:
        self.texts = texts
        self.is_classification = is_classification

    def fit(self, X: np.ndarray, y: np.ndarray) -> "TextEncoder":
        """Learn vocabularies, topics and linear models.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)
        y : ndarray of shape (n_samples,)

        Returns
        -------
        self : object
        """
        self.fit_describe(X, y)
        return self

    def fit_transform(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Learn vocabularies, topics and linear models; return the table with cross-fitted predictions.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)
        y : ndarray of shape (n_samples,)

        Returns
        -------
        X_out : ndarray of shape (n_samples, n_columns_out)
        """
        described = self.fit_describe(X, y)
        return self.replace_texts(X, described)

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Replace texts by numbers.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)

        Returns
        -------
        X_out : ndarray of shape (n_samples, n_columns_out)
        """
        return self.transform_counts(X, [unpack_grams(X[:, first : first + width]) for first, width in self.texts])

    def transform_counts(self, X: np.ndarray, counts: Sequence[csr_matrix]) -> np.ndarray:
        """Replace texts by numbers, with the counts of the n-grams of each text."""
        check_is_fitted(self)
        return self.replace_texts(
            X, [encoding.describe(grams) for encoding, grams in zip(self.encodings_, counts, strict=True)]
        )

    def fit_describe(self, X: np.ndarray, y: np.ndarray, inner_folds: InnerFoldList | None = None) -> list[np.ndarray]:
        """Learn of the texts, and return the numbers that describe those of the training rows.

        The predictions for training rows come from ``inner_folds``, and those for rows in no test part are 0, the mean
        of the target. None draws rows at random.
        """
        targets = _make_targets(y, self.is_classification)
        strengths = STRENGTHS if targets.shape[1] == 1 else STRENGTHS_OF_MANY
        folds = draw_inner_folds(y, self.is_classification) if inner_folds is None else inner_folds
        fitted = [
            TextEncoding.fit(X[:, first : first + width], targets, strengths, folds) for first, width in self.texts
        ]
        self.encodings_ = [encoding for encoding, _ in fitted]
        return [described for _, described in fitted]

    def replace_texts(self, X: np.ndarray, described: Sequence[np.ndarray]) -> np.ndarray:
        """Return the columns that hold no n-grams, followed by numbers that describe the texts."""
        return np.hstack([X[:, self.find_other_columns(X.shape[1])], *described])

    def find_other_columns(self, n_columns: int) -> np.ndarray:
        """Return the indices of the columns that hold no n-grams."""
        is_other = np.ones(n_columns, dtype=bool)
        for first, width in self.texts:
            is_other[first : first + width] = False
        return np.flatnonzero(is_other)


@dataclass(frozen=True)
class TextEncoding:
    """What is learnt of one text.

    Attributes
    ----------
    vocabulary : ndarray of int, of shape (n_vocabulary,)
        Hashes of n-grams, sorted.
    idf : ndarray of float32, of shape (n_vocabulary,)
    projection : ndarray of float32, of shape (n_vocabulary, n_described)
        Components and coefficients: the numbers that describe a text are the product of its weights with them.
    """

    vocabulary: np.ndarray
    idf: np.ndarray
    projection: np.ndarray

    @classmethod
    def fit(
        cls, packed: np.ndarray, targets: np.ndarray, strengths: Sequence[float], folds: Sequence[Any]
    ) -> tuple["TextEncoding", np.ndarray]:
        """Learn of the texts; return what is learnt, and the numbers that describe these texts."""
        counts = unpack_grams(packed)
        n_texts_with = np.bincount(counts.indices, minlength=N_GRAMS)
        found = np.flatnonzero(n_texts_with >= MIN_TEXTS_WITH_GRAM)
        if len(found) > MAX_VOCABULARY:
            found = np.sort(found[np.argsort(-n_texts_with[found], kind="stable")[:MAX_VOCABULARY]])
        idf = np.log((1 + len(packed)) / (1 + n_texts_with[found])).astype(np.float32) + 1
        weights = _weigh(counts, found, idf)
        n_topics = min(N_TOPICS, len(packed) // ROWS_PER_TOPIC, len(found) - 1)
        components = np.zeros((len(found), 0), dtype=np.float32)
        if n_topics > 0:
            svd = TruncatedSVD(n_topics, n_iter=3, random_state=0).fit(weights)
            components = svd.components_.T.astype(np.float32)
        described, coefficients = [weights @ components], [components]
        for strength in strengths if len(found) and targets.shape[1] else ():
            predicted = np.zeros(targets.shape, dtype=np.float32)
            for train, test in folds:
                predicted[test] = weights[test] @ _fit_ridge(weights[train], targets[train], strength)
            described.append(predicted)
            coefficients.append(_fit_ridge(weights, targets, strength))
        return cls(found, idf, np.hstack(coefficients)), np.hstack(described)

    def describe(self, counts: csr_matrix) -> np.ndarray:
        """Return the numbers that describe some texts, as float32, of shape (n_texts, n_described).

        Parameters
        ----------
        counts : CSR matrix of shape (n_texts, N_GRAMS)
            As `unpack_grams` returns it.
        """
        return _weigh(counts, self.vocabulary, self.idf) @ self.projection


def _weigh(counts: csr_matrix, vocabulary: np.ndarray, idf: np.ndarray) -> csr_matrix:
    """Return TF-IDF weights of the n-grams of a vocabulary, of length 1 in each row."""
    indices, is_known = _find_in_vocabulary(counts.indices, vocabulary)
    indices = indices[is_known]
    indptr = np.concatenate([[0], np.cumsum(is_known)])[counts.indptr]
    values = (1 + np.log(counts.data[is_known])) * idf[indices]
    weights = csr_matrix((values, indices, indptr), shape=(counts.shape[0], len(vocabulary)))
    return normalize(weights, copy=False) if weights.nnz else weights


def _find_in_vocabulary(hashes: np.ndarray, vocabulary: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the index of each hash in a sorted vocabulary, as int32, and whether it is there."""
    if len(hashes) < N_GRAMS // 100:  # an index of all hashes takes longer than a few searches
        indices = np.searchsorted(vocabulary, hashes).astype(np.int32)
        return indices, np.append(vocabulary, -1)[indices] == hashes
    index_of = np.full(N_GRAMS, -1, dtype=np.int32)
    index_of[vocabulary] = np.arange(len(vocabulary))
    indices = index_of[hashes]
    return indices, indices >= 0


def _make_targets(y: np.ndarray, is_classification: bool) -> np.ndarray:
    """Return what linear models predict: the target with mean 0 and variance 1, or 0 and 1 for each class."""
    if not is_classification:
        spread = float(np.std(y))
        return ((y - np.mean(y)) / (spread or 1.0)).astype(np.float32)[:, None]
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) > MAX_SCORED_CLASSES:
        return np.zeros((len(y), 0), dtype=np.float32)
    is_class = np.arange(len(classes)) == codes[:, None]
    centred = (is_class - is_class.mean(axis=0)).astype(np.float32)
    return centred[:, 1:] if len(classes) <= 2 else centred


def _fit_ridge(weights: csr_matrix, targets: np.ndarray, strength: float) -> np.ndarray:
    """Return the coefficients of a ridge regression without intercept, of shape (n_vocabulary, n_targets)."""
    model = Ridge(alpha=strength, fit_intercept=False, solver="sparse_cg", tol=1e-2)
    return model.fit(weights, targets).coef_.reshape(targets.shape[1], -1).T.astype(np.float32)
