"""What families propose: their candidates, the first of them, and the space of all families together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sklearn_autotune.families import Family, Shape, find_parameter_prefix

__all__ = [
    "FAMILY",
    "add_family_prefix",
    "get_settings",
    "make_candidate",
    "make_first_candidates",
    "make_selection_space",
    "make_typical_candidate",
    "replace_setting",
]

# The parameter that says which family a candidate is of; the others have its name in front.
FAMILY = "family"


def add_family_prefix(family: str, name: str) -> str:
    """Return a parameter's name among those of all families."""
    return f"{family}__{name}"


def make_candidate(family: Family, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a family's settings as a candidate."""
    return {FAMILY: family.name, **{add_family_prefix(family.name, name): value for name, value in settings.items()}}


def make_typical_candidate(family: Family, shape: Shape) -> dict[str, Any]:
    """Return what to go by where one candidate stands for a family: its first one, or what its estimator is made as."""
    return (make_first_candidates(family, shape) or make_first_candidates(replace(family, first=({},)), shape))[0]


def replace_setting(
    family: Family, shape: Shape, candidate: Mapping[str, Any], name: str, value: Any
) -> dict[str, Any]:
    """Return a candidate with one setting replaced, moved into the range that is searched."""
    settings = get_settings(candidate)
    branches, _ = _branches(family, shape)
    branch = _branch_with(branches, settings)
    return make_candidate(family, settings | {name: _into(value, branch[name])})


def get_settings(candidate: Mapping[str, Any]) -> dict[str, Any]:
    """Return a candidate as its family's settings."""
    start = len(add_family_prefix(candidate[FAMILY], ""))
    return {name[start:]: value for name, value in candidate.items() if name != FAMILY}


def make_selection_space(families: Mapping[str, Family], shape: Shape) -> list[dict[str, Any]]:
    """Return the space of all families: one branch for each, or several for those that have several."""
    return [
        {FAMILY: [family.name], **{add_family_prefix(family.name, name): values for name, values in branch.items()}}
        for family in families.values()
        for branch in _branches(family, shape)[0]
    ]


def _branches(family: Family, shape: Shape) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the branches of a family's space, and what its estimator is set to as it is made."""
    model = family.make(shape)  # type: ignore[misc]
    prefix = find_parameter_prefix(family, model)
    inner = {name: value for name, value in model.get_params().items() if name.startswith(prefix)}
    set_to = {name.removeprefix(prefix): value for name, value in inner.items()}
    spelled = family.space(Shape(shape.n_rows, shape.is_classifier, set_to, shape.n_columns, shape.n_classes))
    return [spelled] if isinstance(spelled, dict) else spelled, set_to


def make_first_candidates(family: Family, shape: Shape) -> list[dict[str, Any]]:
    """Return a family's first candidates, made complete and moved into its space."""
    branches, set_to = _branches(family, shape)
    found: list[dict[str, Any]] = []
    for first in family.first:
        branch = _branch_with(branches, first)
        wanted = set_to | {name: value(shape) if callable(value) else value for name, value in first.items()}
        settings = {name: _into(wanted.get(name), values) for name, values in branch.items()}
        if make_candidate(family, settings) not in found:
            found.append(make_candidate(family, settings))
    return found


def _branch_with(branches: Sequence[dict[str, Any]], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first branch that has some parameters, and what is chosen for them; if none has, the first one."""
    return next((branch for branch in branches if _has(branch, settings)), branches[0])


def _has(branch: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    return all(
        name in branch and (not isinstance(branch[name], list | tuple) or value in branch[name])
        for name, value in settings.items()
    )


def _into(value: Any, values: Any) -> Any:
    """Move a value into what is searched: to the nearest end of a range, or where it does not fit to its middle."""
    if isinstance(values, list | tuple):
        return value if value in values else values[0]
    low, high = (values.low, values.high) if hasattr(values, "low") else values.support()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return type(low)(min(max(value, low), high))
    middle = (low * high) ** 0.5 if getattr(values, "log", False) else (low + high) / 2
    return round(middle) if isinstance(low, int) else middle
