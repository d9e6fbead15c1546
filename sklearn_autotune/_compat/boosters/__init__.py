"""What each library of boosters and forests can do, one file for each library; the estimator's class chooses the file.

A library is imported only when one of its estimators is used. To add a library, write a file with an object that has
the members of `Library`, and add the object to ``LIBRARIES``. If its boosters can stop early on evaluation rows, the
object needs the members of `BoosterLibrary`, and belongs in ``BOOSTER_LIBRARIES``.
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

# One line for each library.
BOOSTER_LIBRARIES: tuple[BoosterLibrary, ...] = import_roll(
    __name__,
    "_xgboost.XGBOOST",
    "_lightgbm.LIGHTGBM",
    "_catboost.CATBOOST",
)
LIBRARIES: tuple[Library, ...] = (*import_roll(__name__, "_scikit_learn.SCIKIT_LEARN"), *BOOSTER_LIBRARIES)

# The names of the parameter for the number of rounds; then the same with aliases.
ROUNDS_PARAMS = tuple(dict.fromkeys(name for library in LIBRARIES for name in library.rounds_params))
ROUNDS_PARAMS_WITH_ALIASES = tuple(
    dict.fromkeys((*ROUNDS_PARAMS, *(name for library in LIBRARIES for name in library.rounds_aliases)))
)


def find_library(model: Any) -> BoosterLibrary | None:
    """Find the library that implements the early stopping of a model; None if there is none.

    The model may be of a class that is derived from one of the library's classes.

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
    """Return the library that implements the early stopping of a model.

    Raises
    ------
    TypeError
        If the model does not belong to a known library.
    """
    library = find_library(model)
    if library is None:
        names = ", ".join(known.package for known in BOOSTER_LIBRARIES)
        raise TypeError(
            f"A family with rounds must make a model of {names}, because early stopping is known for these only, but "
            f"this family makes a {type(model).__name__}. Leave out rounds."
        )
    return library


def declare_categories(model: Any, columns: np.ndarray, n_columns: int) -> dict[str, Any]:
    """Tell a model which columns hold categories, if it has a parameter for this.

    This also works for a model of another package if it has the same parameter as one of the libraries.

    Parameters
    ----------
    model : estimator
        Its parameters may be set.
    columns : ndarray of int
        The indices of the columns that hold categories.
    n_columns : int
        The number of all columns.

    Returns
    -------
    fit_params : dict of str to object
        The arguments that the model's ``fit`` needs for this.
    """
    if not len(columns):
        return {}
    declared = (library.declare_categories(model, columns, n_columns) for library in LIBRARIES)
    return next((fit_params for fit_params in declared if fit_params is not None), {})


def start_exact_continued_fit(fit: PartFit, max_rounds: int) -> ContinuedPartFit | None:
    """Start a fit that can be continued with more rounds; None if this would not give the same model as one fit.

    Parameters
    ----------
    fit : PartFit
    max_rounds : int
        The maximum number of rounds that will be requested.
    """
    started = (library.start_continued_fit(fit, max_rounds) for library in LIBRARIES)
    return next((continued for continued in started if continued is not None), None)


def find_default_rounds(model: Any, param: str) -> int | None:
    """Find the number of rounds that a model fits if its parameter is None; None if this is not known."""
    defaults = (library.find_default_rounds(model, param) for library in LIBRARIES)
    return next((rounds for rounds in defaults if rounds is not None), None)
