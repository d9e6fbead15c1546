"""The first candidates of a search: the estimator's own parameters, then settings that are good on many tables."""

import numbers
from collections.abc import Mapping
from itertools import islice, zip_longest
from typing import Any

from sklearn.base import clone

from sklearn_autotune._compat.types import Estimator
from sklearn_autotune.families._known_settings import list_known_settings, read_own_values
from sklearn_autotune.space._dimensions import make_value_key
from sklearn_autotune.space._space import Space, make_candidate_key

__all__ = ["make_first_candidates"]

MAX_VARIANTS = 8  # combinations of parts, such as the models that a step may be

Candidate = dict[str, Any]


def make_first_candidates(
    estimator: Estimator, space: Space, *, n_rows: int, n_columns: int, max_candidates: int
) -> list[Candidate]:
    """Make the candidates that are measured before the sampler is asked.

    All are moved into the space (`project_value` has the rule), and equal ones are kept once. If a step may be one of
    several estimators, each of them comes with its own parameters before any other setting.

    Parameters
    ----------
    estimator : estimator
        The user's; it is not changed.
    space : Space
    n_rows, n_columns : int
        Of the training rows of a fold.
    max_candidates : int

    Returns
    -------
    candidates : list of dict
        In the form that ``space.encode`` accepts.
    """
    rows: list[list[Candidate]] = []
    for variant, parts in _list_variants(estimator, space):
        own = read_own_values(variant, n_rows=n_rows, n_columns=n_columns)
        wanted = own | {name: [option] for name, option in parts.items()}
        row = [space.project(wanted)]
        for setting in list_known_settings(variant, n_rows=n_rows, n_columns=n_columns):
            candidate = space.project(wanted | {name: [value] for name, value in setting.items()})
            if _suits(setting, candidate, own):
                row.append(candidate)
        rows.append(row)
    candidates: dict[Any, Candidate] = {}
    for column in zip_longest(*rows):
        for candidate in column:
            if candidate:  # {} has nothing that the sampler does not choose
                candidates.setdefault(make_candidate_key(candidate), candidate)
    return list(islice(candidates.values(), max_candidates))


def _list_variants(estimator: Estimator, space: Space) -> list[tuple[Estimator, Mapping[str, Any]]]:
    """List the estimator with each combination of parts that the space has; the user's own combination comes first."""
    own = estimator.get_params(deep=True)

    def is_other(parts: Mapping[str, Any]) -> bool:
        return any(make_value_key(own.get(name)) != make_value_key(option) for name, option in parts.items())

    chosen = sorted(space.list_parts(), key=is_other)[:MAX_VARIANTS]
    return [(clone(estimator).set_params(**clone(parts, safe=False)), parts) for parts in chosen]


def _suits(setting: Mapping[str, Any], candidate: Candidate, own: Mapping[str, list[Any]]) -> bool:
    """Whether a candidate has the choices of a setting: that of a kernel, for example, suits no other kernel."""
    return all(
        isinstance(value, numbers.Real)
        or make_value_key(candidate.get(name, own.get(name, [None])[0])) == make_value_key(value)
        for name, value in setting.items()
    )
