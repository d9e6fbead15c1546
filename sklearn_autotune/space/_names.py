"""Checks the names of searched parameters on clones of the estimator."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from sklearn.base import clone

from sklearn_autotune._compat.types import Estimator

__all__ = ["check_names", "has_own_parameters"]


def has_own_parameters(name: str, names: Iterable[str]) -> bool:
    """Whether a parameter is a part of the estimator, such as a step, whose own parameters are in the space too."""
    return any(other.startswith(f"{name}__") for other in names)


def check_names(names: Iterable[str], estimator: Estimator, parts: Mapping[str, Any]) -> None:
    """Raise ValueError for a name that the estimator does not have.

    Parameters
    ----------
    names : iterable of str
    estimator : estimator
    parts : mapping of str to object
        Parts of the estimator that are replaced first, in a clone.
    """
    probe = _clone_or_explain(estimator)
    for name in sorted(parts, key=lambda name: name.count("__")):
        _check_name(probe, name, {})
        probe.set_params(**{name: clone(parts[name], safe=False)})
    for name in names:
        _check_name(probe, name, parts)


def _clone_or_explain(estimator: Estimator) -> Estimator:
    """Clone an estimator; add to scikit-learn's error what to write if a list is why it cannot be cloned.

    scikit-learn asks that ``get_params`` returns the object that the constructor was given. CatBoost 1.2 returns a
    copy, and a copy of a tuple of strings or numbers is the tuple itself.
    """
    try:
        cloned: Estimator = clone(estimator)
        return cloned
    except RuntimeError as error:
        for name, value in estimator.get_params(deep=True).items():
            parameter = name.rpartition("__")[2]
            if isinstance(value, list) and str(error).endswith(f"parameter {parameter}"):
                instead = f"{parameter}={tuple(value)!r}"
                error.add_note(f"Its get_params returns a copy of the list. Write a tuple: {instead}.")
        raise


def _check_name(probe: Estimator, name: str, parts: Mapping[str, Any]) -> None:
    known = probe.get_params(deep=True)
    if name in known:
        return
    try:  # some estimators, such as XGBoost's, accept names that they do not list
        clone(probe).set_params(**{name: None})
    except (ValueError, AttributeError, TypeError) as error:
        settings = "".join(f" with {part}={option!r}" for part, option in parts.items() if name.startswith(part))
        closest = get_close_matches(name, known, n=1, cutoff=0.0) or ["none"]
        raise ValueError(
            f"Invalid parameter {name!r} for estimator {type(probe).__name__}{settings}. "
            f"Closest valid name: {closest[0]!r}. Parameters of a step or of a nested estimator are written "
            "'step__parameter'; parameters that only some choices have go into a list of dicts, one per choice."
        ) from error
