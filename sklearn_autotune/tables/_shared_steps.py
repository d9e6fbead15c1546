"""Steps before the preparation that families share: for texts, for generated columns, and for those of wide tables."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from sklearn_autotune._compat import clock
from sklearn_autotune._compat.sklearn import take_rows
from sklearn_autotune.inference._column_screen import ColumnScreen
from sklearn_autotune.inference._feature_generator import FeatureGenerator
from sklearn_autotune.inference._text_encoder import TextEncoder
from sklearn_autotune.tables._inner_folds import InnerFolds

__all__ = ["FittedSteps", "SharedSteps", "find_texts", "is_wide"]

# A table is wide if it has more columns of numbers.
MAX_NARROW = 100

# What is kept of texts takes at most this number of bytes; beyond, the least recently used is computed again.
MAX_KEPT_BYTES = 2**28

# Columns are not generated if this would take more than this share of the timeout.
MAX_GENERATING_SHARE = 0.15


def find_texts(n_categories: np.ndarray) -> list[tuple[int, int]]:
    """Return, for each text, its first column with n-grams, and the number of these columns.

    Parameters
    ----------
    n_categories : ndarray of int, of shape (n_columns,)
        Of each column of an encoded table, as in `ColumnEncoder`.

    Examples
    --------
    >>> find_texts(np.array([0, 3, -1, -1, 0, -2]))
    [(2, 2), (5, 1)]
    """
    found = [np.flatnonzero(n_categories == number) for number in np.unique(n_categories[n_categories < 0])[::-1]]
    return [(int(columns[0]), len(columns)) for columns in found]


def is_wide(n_categories: np.ndarray) -> bool:
    """Whether a table has more than 100 columns of numbers."""
    return int((n_categories == 0).sum()) > MAX_NARROW


@dataclass(frozen=True)
class FittedSteps:
    """Steps that are fitted on some rows.

    Attributes
    ----------
    steps : sequence of (str, estimator)
        Steps of a Pipeline.
    n_categories : ndarray of int
        Of the columns that the steps return.
    X : ndarray of shape (n_rows, n_columns) or None
        What the steps return for the rows that they were fitted on; None if the rows are not taken.
    """

    steps: Sequence[tuple[str, Any]]
    n_categories: np.ndarray
    X: Any

    def transform(self, X: Any) -> Any:
        """Apply the steps to other rows."""
        for _, step in self.steps:
            X = step.transform(X)
        return X


class SharedSteps:
    """Fits the steps that all families share, and keeps them for the next candidate that is fitted on the same rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        The encoded table.
    n_categories : ndarray of int, of shape (n_columns,)
    texts : sequence of (int, int)
        Those that become numbers, as `find_texts` returns them.
    is_classification : bool
    inner : InnerFolds or None, default=None
        How training rows are divided once more. None means at random.
    """

    def __init__(
        self,
        X: Any,
        n_categories: np.ndarray,
        texts: Sequence[tuple[int, int]],
        is_classification: bool,
        inner: InnerFolds | None = None,
    ) -> None:
        self.X = X
        self.n_categories = n_categories
        self.is_classification = is_classification
        self.texts = texts
        self.inner = inner or InnerFolds()
        self.is_wide = is_wide(n_categories)
        self._generators: dict[bytes, FeatureGenerator] = {}
        self._screens: dict[tuple[bytes, bool], ColumnScreen] = {}
        self._kept: OrderedDict[bytes, tuple[TextEncoder, list[np.ndarray]]] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes, without what is large or quickly found again."""
        return vars(self) | {"_kept": OrderedDict(), "_screens": {}}

    def are_needed(self, *, screens: bool, generates: bool = False) -> bool:
        """Whether there are any steps, with columns of a wide table screened or not, with columns generated or not."""
        return bool(self.texts) or generates or (screens and self.is_wide)

    def can_generate(self, parts: Sequence[tuple[np.ndarray, np.ndarray]], timeout: float | None) -> bool:
        """Whether columns can be made for any of some training parts, in a small share of the seconds of a search.

        Parameters
        ----------
        parts : sequence of (ndarray of int, ndarray)
            The rows of each part, and their target.
        timeout : float or None
            Seconds of the search; None is no limit.
        """
        start = clock.now()
        for n_fitted, (rows, y) in enumerate(parts, start=1):
            self.fit(rows, y, generates=True)
            expected = (clock.now() - start) * len(parts) / n_fitted
            if timeout is not None and expected > MAX_GENERATING_SHARE * timeout:
                return False
        return any(generator.generated_ for generator in self._generators.values())

    def fit(
        self,
        rows: np.ndarray,
        y: np.ndarray,
        *,
        screens: bool = False,
        generates: bool = False,
        takes_numbers: bool = True,
    ) -> FittedSteps:
        """Fit the steps on some rows.

        Parameters
        ----------
        rows : ndarray of int
        y : ndarray of shape (n_rows,)
            The target of these rows.
        screens : bool, default=False
            Whether columns of a wide table are screened.
        generates : bool, default=False
            Whether columns are generated, which are screened as well.
        takes_numbers : bool, default=True
            Whether rows of numbers alone, in an array, are taken from the table if there are no steps.

        Returns
        -------
        fitted : FittedSteps
        """
        holds_numbers = isinstance(self.X, np.ndarray) and self.X.shape[1] > 0 and not self.n_categories.any()
        if holds_numbers and not takes_numbers and not self.are_needed(screens=screens, generates=generates):
            return FittedSteps((), self.n_categories, None)
        are_all = len(rows) == self.X.shape[0] and bool((rows == np.arange(len(rows))).all())
        fitted = FittedSteps((), self.n_categories, self.X if are_all else take_rows(self.X, rows))
        if self.texts:
            fitted = self._replace_texts(fitted, rows, y)
        if generates:
            fitted = self._generate(fitted, rows, y)
        return self._screen(fitted, rows, y, generates) if screens and self.is_wide else fitted

    def _replace_texts(self, fitted: FittedSteps, rows: np.ndarray, y: np.ndarray) -> FittedSteps:
        encoder, described = self._fit_texts(fitted.X, rows, y)
        table = encoder.replace_texts(fitted.X, described)
        others = self.n_categories[encoder.find_other_columns(fitted.X.shape[1])]
        numbers = np.zeros(table.shape[1] - len(others), dtype=int)
        return FittedSteps((("texts", encoder),), np.concatenate([others, numbers]), table)

    def _generate(self, fitted: FittedSteps, rows: np.ndarray, y: np.ndarray) -> FittedSteps:
        """Add columns that are made of others, but not of those that describe texts, which come last."""
        key = _make_key(rows)
        if key not in self._generators:
            kinds = fitted.n_categories.copy()
            if self.texts:
                kinds[int((self.n_categories >= 0).sum()) :] = -1
            self._generators[key] = FeatureGenerator(kinds.tolist(), self.is_classification).fit(fitted.X, y)
        generator = self._generators[key]
        n_categories = np.concatenate([fitted.n_categories, generator.n_categories_[fitted.X.shape[1] :]])
        return FittedSteps((*fitted.steps, ("generated", generator)), n_categories, generator.transform(fitted.X))

    def _screen(self, fitted: FittedSteps, rows: np.ndarray, y: np.ndarray, generates: bool) -> FittedSteps:
        key = _make_key(rows), generates
        if key not in self._screens:
            others = np.flatnonzero(fitted.n_categories != 0).tolist()
            screen = ColumnScreen(others, self.is_classification)
            self._screens[key] = screen.fit(fitted.X, y, self.inner.take(rows).groups)
        screen = self._screens[key]
        steps = (*fitted.steps, ("screen", screen))
        return FittedSteps(steps, fitted.n_categories[screen.kept_], screen.transform(fitted.X))

    def _fit_texts(self, X: np.ndarray, rows: np.ndarray, y: np.ndarray) -> tuple[TextEncoder, list[np.ndarray]]:
        """Return the encoder fitted on some rows, and the numbers that describe their texts."""
        key = _make_key(rows)
        kept = self._kept.pop(key, None)
        if kept is None:
            encoder = TextEncoder(self.texts, self.is_classification)
            kept = encoder, encoder.fit_describe(X, y, self.inner.draw(rows, y))
        self._kept[key] = kept
        n_bytes = 0
        for other, (_, described) in reversed(list(self._kept.items())):
            n_bytes += sum(values.nbytes for values in described)
            if n_bytes > MAX_KEPT_BYTES and other != key:
                self._kept.pop(other, None)
        return kept


def _make_key(rows: np.ndarray) -> bytes:
    return blake2b(rows.tobytes()).digest()
