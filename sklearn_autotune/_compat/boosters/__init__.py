"""What each library of boosters and forests can do: one file a library, chosen by the estimator.

Each library is imported only when one of its estimators is used. To add a library, write a file with an object that has
the members of `Library`, or, if its boosters stop early on rows that they are given, of `BoosterLibrary`, and add the
object to ``LIBRARIES`` or ``BOOSTER_LIBRARIES``.
"""

from typing import Any

import numpy as np

from sklearn_autotune._compat.boosters._base import (
    BoosterLibrary,
    ContinuedPartFit,
    Library,
    PartFit,
    has_repeatable_seed,
    is_exact_class,
)
from sklearn_autotune._compat.roll import import_roll

__all__ = [
    "BOOSTER_LIBRARIES",
    "LIBRARIES",
    "ROUNDS_PARAMS",
    "ROUNDS_PARAMS_WITH_ALIASES",
    "BoosterLibrary",
    "ContinuedPartFit",
    "Library",
    "PartFit",
    "declare_categories",
    "find_default_rounds",
    "find_library",
    "get_library",
    "has_repeatable_seed",
    "is_exact_class",
    "start_exact_continued_fit",
]

# One line a library.
BOOSTER_LIBRARIES: tuple[BoosterLibrary, ...] = import_roll(
    __name__,
    "_xgboost.XGBOOST",
    "_lightgbm.LIGHTGBM",
    "_catboost.CATBOOST",
)
LIBRARIES: tuple[Library, ...] = (*import_roll(__name__, "_scikit_learn.SCIKIT_LEARN"), *BOOSTER_LIBRARIES)

# What estimators call their number of rounds; then also what they take in its place.
ROUNDS_PARAMS = tuple(dict.fromkeys(name for library in LIBRARIES for name in library.rounds_params))
ROUNDS_PARAMS_WITH_ALIASES = tuple(
    dict.fromkeys((*ROUNDS_PARAMS, *(name for library in LIBRARIES for name in library.rounds_aliases)))
)


def find_library(model: Any) -> BoosterLibrary | None:
    """Find the library whose early stopping a model, or a class that it is derived from, has; None if there is none.

    Examples
    --------
    >>> from xgboost import XGBClassifier
    >>> find_library(XGBClassifier()).package
    'xgboost'
    """
    libraries = {library.package: library for library in BOOSTER_LIBRARIES}
    packages = [ancestor.__module__.partition(".")[0] for ancestor in type(model).__mro__]
    return next((libraries[package] for package in packages if package in libraries), None)


def get_library(model: Any) -> BoosterLibrary:
    """Get the library whose early stopping a model has.

    Raises
    ------
    TypeError
        If its early stopping is not known.
    """
    library = find_library(model)
    if library is None:
        names = ", ".join(known.package for known in BOOSTER_LIBRARIES)
        raise TypeError(
            f"A family with rounds has to make a model of {names}, whose early stopping is known here; "
            f"this one makes a {type(model).__name__}. Leave out rounds."
        )
    return library


def declare_categories(model: Any, columns: np.ndarray, n_columns: int) -> dict[str, Any]:
    """Tell a model which columns hold categories, if it can be told.

    A model of another package is told too if it takes categories in the way of one of the libraries.

    Parameters
    ----------
    model : estimator
        Its parameters may be set.
    columns : ndarray of int
        Indices of the columns that hold categories.
    n_columns : int
        Number of all columns.

    Returns
    -------
    fit_params : dict of str to object
        Arguments that ``fit`` of the model needs.
    """
    if not len(columns):
        return {}
    declared = (library.declare_categories(model, columns, n_columns) for library in LIBRARIES)
    return next((fit_params for fit_params in declared if fit_params is not None), {})


def start_exact_continued_fit(fit: PartFit, max_rounds: int) -> ContinuedPartFit | None:
    """Start a fit that can be continued with more rounds, and gives the same model as one fit; None if there is none.

    Parameters
    ----------
    fit : PartFit
    max_rounds : int
        The largest number of rounds that will be requested.
    """
    started = (library.start_continued_fit(fit, max_rounds) for library in LIBRARIES)
    return next((continued for continued in started if continued is not None), None)


def find_default_rounds(model: Any, param: str) -> int | None:
    """Find the number of rounds that a model fits where its parameter is None; None if that is not known."""
    defaults = (library.find_default_rounds(model, param) for library in LIBRARIES)
    return next((rounds for rounds in defaults if rounds is not None), None)
