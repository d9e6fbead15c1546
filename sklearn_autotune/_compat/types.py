"""Types that several folders use: data, estimators, searches, scorers, splitters and seeds.

They are for readers and type checkers; no code checks at run time whether a value has one of them. scikit-learn and
XGBoost do not publish types, so the protocols list the methods that this package calls.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "ArrayLike",
    "CrossValidation",
    "Estimator",
    "Fittable",
    "FittedSearch",
    "HasShape",
    "MatrixLike",
    "Predictor",
    "Refit",
    "Scorer",
    "Scoring",
    "Seed",
    "Splitter",
]


class HasShape(Protocol):
    """A table that NumPy may not be able to read, such as a sparse matrix."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Numbers of rows and columns."""


MatrixLike: TypeAlias = ArrayLike | HasShape  # what scikit-learn accepts as ``X``

Seed: TypeAlias = int | np.random.RandomState | None  # what scikit-learn accepts as ``random_state``


class Fittable(Protocol):
    """Any object with ``fit``, from scikit-learn or elsewhere."""

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """Learn from data."""


class Estimator(Fittable, Protocol):
    """A scikit-learn estimator: it can be fitted and cloned."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the constructor."""

    def set_params(self, **params: Any) -> Any:
        """Change parameters, and return the estimator."""


class Predictor(Estimator, Protocol):
    """An estimator that predicts."""

    def predict(self, X: Any, /) -> Any:
        """Return a prediction for each row."""


class FittedSearch(Estimator, Protocol):
    """A finished search, of this package, of scikit-learn, or another with scikit-learn's table of results."""

    @property
    def cv_results_(self) -> Mapping[str, Any]:
        """The table of results, one entry per candidate."""

    @property
    def n_splits_(self) -> int:
        """Number of folds."""

    @property
    def best_estimator_(self) -> Any:
        """The winner, fitted on all rows."""

    def score(self, X: Any, y: Any = None, /) -> Any:
        """Score the winner; higher is better."""


Scorer: TypeAlias = Callable[..., Any]  # called as ``scorer(estimator, X, y)``; returns a float, or a dict of floats

Scoring: TypeAlias = str | Scorer | Iterable[str] | Mapping[str, str | Scorer] | None

Refit: TypeAlias = bool | str | Callable[..., int]  # a callable chooses the winner's index from ``cv_results_``


class Splitter(Protocol):
    """Divides rows into training and test rows, several times."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Any, Any]]:
        """Yield the indices of training and test rows."""

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of divisions."""


CrossValidation: TypeAlias = int | Splitter | Iterable[tuple[ArrayLike, ArrayLike]] | None  # ``cv``
