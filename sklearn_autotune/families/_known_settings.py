"""What is worth measuring first: an estimator's own parameters, and settings that are good on many tables."""

from collections.abc import Iterator, Mapping
from typing import Any

from sklearn.base import is_classifier

from sklearn_autotune.families import find_known, iterate_parts
from sklearn_autotune.families._base import Branch, EstimatorSpace, Family, Shape

__all__ = ["list_known_settings", "read_own_values"]


def read_own_values(estimator: Any, *, n_rows: int, n_columns: int) -> dict[str, list[Any]]:
    """Return the values that an estimator's parameters have, and the numbers that these values stand for.

    Parameters
    ----------
    estimator : estimator
    n_rows, n_columns : int
        Of the table that it is fitted on.

    Returns
    -------
    values : dict of str to list
        For each parameter its value. The number that the value stands for follows, if that is known: infinity for None
        in a parameter that limits something, such as ``max_depth``, or the catalogue's entry in `Family.meanings`.

    Examples
    --------
    >>> from sklearn.svm import SVC
    >>> values = read_own_values(SVC(C=3), n_rows=100, n_columns=4)
    >>> values["C"], values["gamma"]
    ([3], ['scale', 0.25])
    """
    values = {name: [value] for name, value in estimator.get_params(deep=True).items()}
    for prefix, known, shape in _iterate_known_parts(estimator, n_rows, n_columns):
        for name, numbers in known.meanings.items():
            own = values.setdefault(prefix + name, [None])
            if isinstance(own[0], str | int | None) and own[0] in numbers:
                own.append(_evaluate(numbers[own[0]], shape))
    for name, own in values.items():
        if len(own) == 1 and own[0] is None and name.rpartition("__")[2].startswith("max_"):
            own.append(float("inf"))
    return values


def list_known_settings(estimator: Any, *, n_rows: int, n_columns: int) -> list[Branch]:
    """List the settings of the catalogue for the parts of an estimator, in the order in which they are to be measured.

    Parameters
    ----------
    estimator : estimator
        An estimator of the catalogue, or one with such estimators inside.
    n_rows, n_columns : int
        Of the table that it is fitted on.

    Returns
    -------
    settings : list of dict
        Each for one part, with the part's prefix before its parameters.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> list_known_settings(make_pipeline(Ridge()), n_rows=100, n_columns=4)
    [{'ridge__alpha': 100.0}]
    """
    found: list[Branch] = []
    for prefix, known, shape in _iterate_known_parts(estimator, n_rows, n_columns):
        for setting in (
            known.first if isinstance(known, Family) and known.known_good is None else known.known_good or ()
        ):
            if setting:
                found.append({prefix + name: _evaluate(value, shape) for name, value in setting.items()})
    return found


def _iterate_known_parts(
    estimator: Any, n_rows: int, n_columns: int
) -> Iterator[tuple[str, Family | EstimatorSpace, Shape]]:
    for prefix, part in iterate_parts(estimator, estimator.get_params(deep=True)):
        known = find_known(type(part))
        if known is not None:
            params: Mapping[str, Any] = part.get_params(deep=False)
            yield prefix, known, Shape(n_rows, is_classifier(part), params, n_columns=max(1, n_columns))


def _evaluate(value: Any, shape: Shape) -> Any:
    return value(shape) if callable(value) else value
