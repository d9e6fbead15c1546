"""Candidates of families, the search space of all families together, and the table as families see it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sklearn_autotune.families import Family, Shape, find_parameter_prefix
from sklearn_autotune.families._linear import LOGISTIC, RIDGE
from sklearn_autotune.inference._text_encoder import N_TOPICS
from sklearn_autotune.tables._shared_steps import find_texts, is_wide

__all__ = [
    "FAMILY",
    "add_family_prefix",
    "add_screened_families",
    "get_settings",
    "make_candidate",
    "make_first_candidates",
    "make_selection_space",
    "make_table_shape",
    "make_typical_candidate",
    "replace_setting",
]

# The parameter that names a candidate's family. All other parameters of a candidate begin with that name.
FAMILY = "family"

# How the names of families end that get the columns left after screening, beside those that get all.
SCREENED = "_screened"

# About the number of columns of a wide table that are left after screening.
N_SCREENED_COLUMNS = 100


def make_table_shape(n_rows: int, *, n_categories: np.ndarray, classes: np.ndarray | None) -> Shape:
    """Describe a training table with this number of rows, as families need it.

    Parameters
    ----------
    n_rows : int
    n_categories : ndarray of int, of shape (n_columns,)
        0 for numbers, negative for texts.
    classes : ndarray of shape (n_classes,) or None
        None in regression.
    """
    n_columns = int(np.clip(n_categories[n_categories >= 0], 1, 20).sum()) + N_TOPICS * len(find_texts(n_categories))
    n_classes = 2 if classes is None else len(classes)
    n_screened = N_SCREENED_COLUMNS if is_wide(n_categories) else None
    return Shape(
        n_rows, classes is not None, n_columns=max(1, n_columns), n_classes=n_classes, n_screened_columns=n_screened
    )


def add_screened_families(families: Mapping[str, Family], n_categories: np.ndarray) -> dict[str, Family]:
    """Return the families with more for a wide table: linear models of the columns that are left after screening.

    Linear models get all columns too. They use many weak columns, which screening leaves out.
    """
    found = dict(families)
    for name in (LOGISTIC.name, RIDGE.name) if is_wide(n_categories) else ():
        if name in families:
            found[name + SCREENED] = replace(families[name], name=name + SCREENED, screens=True)
    return found


def add_family_prefix(family: str, name: str) -> str:
    """Return the name that a family's parameter has in the space of all families."""
    return f"{family}__{name}"


def make_candidate(family: Family, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Make a candidate from the settings of a family."""
    return {FAMILY: family.name, **{add_family_prefix(family.name, name): value for name, value in settings.items()}}


def make_typical_candidate(family: Family, shape: Shape) -> dict[str, Any]:
    """Make the candidate that stands for its family: the first one, or the estimator as it is made if there is none."""
    return (make_first_candidates(family, shape) or make_first_candidates(replace(family, first=({},)), shape))[0]


def replace_setting(
    family: Family, shape: Shape, candidate: Mapping[str, Any], name: str, value: Any
) -> dict[str, Any]:
    """Return a candidate with one setting replaced; the new value is moved into the range that is searched."""
    settings = get_settings(candidate)
    branches, _ = _make_branches(family, shape)
    branch = _find_branch(branches, settings)
    return make_candidate(family, settings | {name: _move_into_range(value, branch[name])})


def get_settings(candidate: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a candidate, without the family's prefix."""
    start = len(add_family_prefix(candidate[FAMILY], ""))
    return {name[start:]: value for name, value in candidate.items() if name != FAMILY}


def make_selection_space(families: Mapping[str, Family], shape: Shape) -> list[dict[str, Any]]:
    """Make the space of all families: one branch for each branch of a family's own space."""
    return [
        {FAMILY: [family.name], **{add_family_prefix(family.name, name): values for name, values in branch.items()}}
        for family in families.values()
        for branch in _make_branches(family, shape)[0]
    ]


def _make_branches(family: Family, shape: Shape) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the branches of a family's space, and the parameters of its estimator as it is made."""
    shape = family.adapt_shape(shape)
    model = family.make(shape)  # type: ignore[misc]
    prefix = find_parameter_prefix(family, model)
    inner = {name: value for name, value in model.get_params().items() if name.startswith(prefix)}
    defaults = {name.removeprefix(prefix): value for name, value in inner.items()}
    raw_space = family.space(Shape(shape.n_rows, shape.is_classifier, defaults, shape.n_columns, shape.n_classes))
    return [raw_space] if isinstance(raw_space, dict) else raw_space, defaults


def make_first_candidates(family: Family, shape: Shape) -> list[dict[str, Any]]:
    """Make a family's first candidates: its first settings, completed and moved into its space."""
    shape = family.adapt_shape(shape)
    branches, defaults = _make_branches(family, shape)
    candidates: list[dict[str, Any]] = []
    for first in family.first:
        branch = _find_branch(branches, first)
        completed = defaults | {name: value(shape) if callable(value) else value for name, value in first.items()}
        settings = {name: _move_into_range(completed.get(name), values) for name, values in branch.items()}
        if make_candidate(family, settings) not in candidates:
            candidates.append(make_candidate(family, settings))
    return candidates


def _find_branch(branches: Sequence[dict[str, Any]], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first branch that contains the settings, or the first branch of all if none does."""
    return next((branch for branch in branches if _contains_settings(branch, settings)), branches[0])


def _contains_settings(branch: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    return all(
        name in branch and (not isinstance(branch[name], list | tuple) or value in branch[name])
        for name, value in settings.items()
    )


def _move_into_range(value: Any, values: Any) -> Any:
    """Move a value to the nearest end of the searched range, or to its middle if it is no number."""
    if isinstance(values, list | tuple):
        return value if value in values else values[0]
    low, high = (values.low, values.high) if hasattr(values, "low") else values.support()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return type(low)(min(max(value, low), high))
    middle = (low * high) ** 0.5 if getattr(values, "log", False) else (low + high) / 2
    return round(middle) if isinstance(low, int) else middle
