"""What is known of the folds of a fitted search, and whether several searches were measured on the same ones."""

import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import KFold, RepeatedKFold, RepeatedStratifiedKFold, StratifiedKFold

from sklearn_autotune._compat.digest import compute_digest
from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.search._base_search import BaseSearch, get_fold_digest, get_fold_sizes
from sklearn_autotune.search._optuna_search_cv import OptunaSearchCV

__all__ = ["SearchFolds", "find_unchecked_folds", "read_search_folds"]

DEFAULT_N_FOLDS = 5  # scikit-learn's, and that of `OptunaSearchCV`


@dataclass(frozen=True, slots=True)
class SearchFolds:
    """What a fitted search tells of its folds.

    Attributes
    ----------
    n_folds : int
    digest : str or None
        Of the rows of all folds; None if they are not known.
    splitter : object or None
        What has drawn them, if it draws the same folds of the same data each time; None for any other.
    test_over_train : float or None
        Rows in the test part of a fold, for each in its training part.
    """

    n_folds: int
    digest: str | None
    splitter: object | None
    test_over_train: float | None

    def is_same(self, other: "SearchFolds") -> bool | None:
        """Whether both are the same folds; None if it is not known."""
        if self.n_folds != other.n_folds:
            return False
        if self.digest is not None and other.digest is not None:
            return self.digest == other.digest
        if self.splitter is None or other.splitter is None:
            return None
        return compute_digest(self.splitter) == compute_digest(other.splitter)

    def describe(self) -> str:
        """Return the number of folds, and what has drawn them."""
        by = "" if self.splitter is None else f" of {' '.join(repr(self.splitter).split())}"
        return f"{self.n_folds} folds{by}"


def read_search_folds(search: FittedSearch) -> SearchFolds:
    """Read what a fitted search tells of its folds.

    Searches of this package keep a digest of the rows of each fold. Searches of scikit-learn keep the number of folds
    and ``cv``, from which the folds follow if it is a list of splits, a number, or a splitter of scikit-learn that does
    not shuffle or has an integer as ``random_state``. `OptunaSearchCV` draws its folds as they do.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> search = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=3).fit(*load_iris(return_X_y=True))
    >>> read_search_folds(search).describe()
    '3 folds of StratifiedKFold(n_splits=3, random_state=None, shuffle=False)'
    """
    cv = getattr(search, "cv", None)
    if isinstance(search, BaseSearch):
        sizes = get_fold_sizes(search)
        ratio = None if sizes is None else float(np.mean(sizes[:, 1] / sizes[:, 0]))
        # The other searches of this package may draw folds of their own, of a part of the rows, or in order of time.
        splitter = _find_splitter(search, cv) if isinstance(search, OptunaSearchCV) else None
        digest = get_fold_digest(search) if getattr(search, "time", None) is None else None
        return SearchFolds(search.n_splits_, digest, splitter, ratio)
    if isinstance(cv, list | tuple):
        folds = [(np.asarray(train), np.asarray(test)) for train, test in cv]
        ratio = float(np.mean([_count_rows(test) / _count_rows(train) for train, test in folds]))
        return SearchFolds(search.n_splits_, compute_digest(folds), None, ratio)
    splitter = _find_splitter(search, cv)
    return SearchFolds(search.n_splits_, None, splitter, _find_ratio(splitter))


def _count_rows(rows: np.ndarray) -> int:
    return int(rows.sum()) if rows.dtype.kind == "b" else len(rows)


def _find_ratio(splitter: Any) -> float | None:
    """Return the test rows for each training row of a splitter into parts of equal size; None of any other."""
    if isinstance(splitter, KFold | StratifiedKFold):
        return 1 / (splitter.get_n_splits() - 1)
    if isinstance(splitter, RepeatedKFold | RepeatedStratifiedKFold):
        return 1 / (splitter.get_n_splits() / splitter.n_repeats - 1)
    return None


def _find_splitter(search: FittedSearch, cv: Any) -> object | None:
    """Return the splitter that ``cv`` stands for, if it draws the same folds each time."""
    if cv is None or isinstance(cv, numbers.Integral):
        n_folds = DEFAULT_N_FOLDS if cv is None else int(cv)
        if not is_classifier(search):
            return KFold(n_folds)
        # Targets of several outputs are not stratified; the classes tell whether there are several.
        classes = getattr(search, "classes_", None)
        return StratifiedKFold(n_folds) if isinstance(classes, np.ndarray) else None
    if not type(cv).__module__.startswith("sklearn."):
        return None
    is_shuffled = getattr(cv, "shuffle", hasattr(cv, "random_state"))
    return cv if not is_shuffled or isinstance(cv.random_state, numbers.Integral) else None


def find_unchecked_folds(folds_by_name: Mapping[str, SearchFolds]) -> list[str]:
    """Return the searches of which it is not known whether their folds are those of the others.

    Raises
    ------
    ValueError
        If two of them were measured on different folds.
    """
    unchecked = set()
    for (one, own), (other, others) in combinations(folds_by_name.items(), 2):
        is_same = own.is_same(others)
        if is_same is None:
            unchecked |= {one, other}
        elif not is_same:
            raise ValueError(
                f"The searches {one!r} and {other!r} were measured on different folds, {own.describe()} and "
                f"{others.describe()}, so their scores cannot be compared fold by fold. Fit both with the same cv, "
                "such as a list of splits, or pass X and y, so that clones of all are fitted on the same outer folds."
            )
    return [name for name in folds_by_name if name in unchecked]
