"""Tells free text from categories, and writes each text as hashed n-grams in columns of numbers."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import HashingVectorizer

__all__ = ["GRAMS", "N_GRAMS", "GramReader", "TextLayout", "is_text", "measure_texts", "unpack_grams"]

# A column is text if it has more than MIN_TEXTS different strings, at least MIN_DISTINCT_SHARE of its strings differ,
# and they have MIN_WORDS words on average. Numbers, dates such as "2 March 2020" and identifiers have fewer words.
MIN_TEXTS = 50
MIN_DISTINCT_SHARE = 0.05
MIN_WORDS = 2.5
MAX_EXAMINED = 5000

# A word is a piece between spaces with two letters in a row; this is the part of it from there on. What comes before
# is left out: to look for its beginning would take time that grows with the square of a long piece.
WORD = re.compile(r"[^\W\d_]{2}\S*")

# If a text occurs this often on average, its column is also encoded as categories.
MIN_REPEATS = 2.0

# Texts with at most this number of characters on average are also divided into n-grams of characters.
MAX_SHORT_LENGTH = 100

# An n-gram is one of this number of hashes. With its count it takes 26 bits, and a 64-bit float holds 52 bits exactly.
HASH_BITS, COUNT_BITS = 20, 6
N_GRAMS = 2**HASH_BITS
MAX_COUNT = 2**COUNT_BITS - 1
ENTRY_BITS = HASH_BITS + COUNT_BITS

# There is room for all n-grams of this share of the texts, within limits: the number of columns, and bytes of all rows.
WIDTH_QUANTILE = 0.99
MAX_WIDTH, MIN_WIDTH = 256, 16
MAX_BYTES = 2**26

CHUNK_ROWS = 5000

# Names of the columns into which a text is divided.
MEASURES = "length", "words"
GRAMS = "grams "


def is_text(values: Sequence[Any]) -> bool:
    """Whether a column of strings holds free text instead of categories.

    Parameters
    ----------
    values : sequence of object
        None for missing values.

    Returns
    -------
    is_text : bool
        True for descriptions, titles, addresses and full names: there are more than 50 different ones, these are at
        least 5 % of the values, and they have 2.5 words or more on average. A word has two letters in a row.

    Examples
    --------
    >>> is_text([f"{number} Long Street, Springfield" for number in range(100)])
    True
    >>> is_text([f"2020-01-02 00:00:{number:02}" for number in range(60)])
    False
    """
    known = [value for value in values if value is not None]
    distinct = dict.fromkeys(known)
    if not all(isinstance(value, str) for value in distinct):
        return False
    if len(distinct) <= MIN_TEXTS or len(distinct) < MIN_DISTINCT_SHARE * len(known):
        return False
    examined = list(distinct)[:: 1 + len(distinct) // MAX_EXAMINED]
    return sum(map(_count_words, examined)) >= MIN_WORDS * len(examined)


def _count_words(text: str) -> int:
    return len(WORD.findall(text))


def measure_texts(texts: Sequence[str | None]) -> dict[str, np.ndarray]:
    """Return the logarithms of the number of characters and of words, NaN for missing texts."""
    lengths = [np.nan if text is None else np.log1p(len(text)) for text in texts]
    words = [np.nan if text is None else np.log1p(_count_words(text)) for text in texts]
    return dict(zip(MEASURES, np.array([lengths, words], dtype=np.float64), strict=True))


@dataclass(frozen=True)
class TextLayout:
    """How the texts of a column are written as numbers: nothing else is learnt of them.

    Attributes
    ----------
    width : int
        Number of columns that hold n-grams, two in each. Texts with more n-grams lose some.
    has_characters : bool
        Whether there are n-grams of characters beside those of words.
    has_categories : bool
        Whether texts occur so often that the column is encoded as categories too.
    """

    width: int
    has_characters: bool
    has_categories: bool

    @classmethod
    def find(cls, texts: Sequence[str | None]) -> "TextLayout":
        """Choose the layout for the texts of training."""
        known = [text for text in texts if text is not None]
        has_characters = sum(map(len, known)) <= MAX_SHORT_LENGTH * len(known)
        chunks = _iterate_chunks(known, has_characters=has_characters)
        n_entries = float(np.quantile(np.concatenate([np.diff(grams.indptr) for _, grams in chunks]), WIDTH_QUANTILE))
        max_width = min(MAX_WIDTH, max(MIN_WIDTH, MAX_BYTES // (8 * len(texts))))
        has_categories = len(known) >= MIN_REPEATS * len(set(known))
        return cls(min(max_width, max(1, ceil(n_entries / 2))), has_characters, has_categories)

    @property
    def gram_parts(self) -> tuple[str, ...]:
        """Names of the columns with n-grams."""
        return tuple(f"{GRAMS}{index}" for index in range(self.width))

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of all columns: the measures, category codes if there are any, and the n-grams."""
        return (*MEASURES, *(("value",) if self.has_categories else ()), *self.gram_parts)

    def pack(self, texts: Sequence[str | None]) -> np.ndarray:
        """Write texts as hashed n-grams.

        Parameters
        ----------
        texts : sequence of str or None

        Returns
        -------
        packed : ndarray of float, of shape (n_texts, width)
            Whole numbers, which `unpack_grams` reads. A missing text has no n-grams.
        """
        packed = np.zeros((len(texts), self.width))
        for first, grams in _iterate_chunks(texts, has_characters=self.has_characters):
            n_rows, (counts, positions, row_of) = grams.shape[0], _locate(grams)
            entries = np.zeros((n_rows, 2 * self.width), dtype=np.int64)
            is_kept = positions < entries.shape[1]
            values = grams.indices.astype(np.int64) << COUNT_BITS | counts
            entries[row_of[is_kept], positions[is_kept]] = values[is_kept]
            packed[first : first + n_rows] = entries[:, ::2] | entries[:, 1::2] << ENTRY_BITS
        return packed


def _iterate_chunks(texts: Sequence[str | None], *, has_characters: bool) -> Iterator[tuple[int, csr_matrix]]:
    """Yield the counts of hashed n-grams of some texts at a time, with the index of the first one."""
    settings: dict[str, Any] = {"n_features": N_GRAMS, "alternate_sign": False, "norm": None}
    kinds = [HashingVectorizer(ngram_range=(1, 2), **settings)]
    if has_characters:
        kinds.append(HashingVectorizer(analyzer="char_wb", ngram_range=(3, 4), **settings))
    for first in range(0, len(texts), CHUNK_ROWS):
        chunk = [text or "" for text in texts[first : first + CHUNK_ROWS]]
        yield first, csr_matrix(sum(kind.transform(chunk) for kind in kinds))


def _locate(grams: csr_matrix) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the count of each n-gram, its position in its row, and its row."""
    n_grams = np.diff(grams.indptr)
    row_of = np.repeat(np.arange(grams.shape[0]), n_grams)
    positions = np.arange(len(grams.indices)) - np.repeat(grams.indptr[:-1], n_grams)
    return np.minimum(grams.data, MAX_COUNT).astype(np.int64), positions, row_of


def unpack_grams(packed: np.ndarray) -> csr_matrix:
    """Return the counts of n-grams that `TextLayout.pack` has written.

    Parameters
    ----------
    packed : ndarray of float, of shape (n_texts, width)

    Returns
    -------
    counts : CSR matrix of float32, of shape (n_texts, N_GRAMS)

    Examples
    --------
    >>> packed = TextLayout(width=2, has_characters=False, has_categories=False).pack(["to be or not to be", None])
    >>> int(unpack_grams(packed)[0].max()), int(unpack_grams(packed)[1].sum())
    (2, 0)
    """
    both = packed.astype(np.int64)
    entries = np.empty((len(both), 2 * both.shape[1]), dtype=np.int64)
    entries[:, ::2], entries[:, 1::2] = both & (1 << ENTRY_BITS) - 1, both >> ENTRY_BITS
    is_gram = entries > 0
    values = entries[is_gram]
    indptr = np.concatenate([[0], np.cumsum(is_gram.sum(axis=1))])
    counts, indices = (values & MAX_COUNT).astype(np.float32), (values >> COUNT_BITS).astype(np.int32)
    return csr_matrix((counts, indices, indptr), shape=(len(both), N_GRAMS))


class GramReader(ABC):
    """A step that reads the n-grams of texts, which `unpack_grams` may unpack once for several of them.

    Attributes
    ----------
    texts : sequence of (int, int)
        For each text, its first column with n-grams, and the number of these columns.
    """

    texts: Sequence[tuple[int, int]]

    @abstractmethod
    def transform_counts(self, X: np.ndarray, counts: Sequence[csr_matrix]) -> np.ndarray:
        """Return what ``transform`` returns for X; ``counts`` has the counts of the n-grams of each text."""
