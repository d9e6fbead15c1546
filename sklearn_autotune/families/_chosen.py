"""Resolves the ``families`` argument of AutoModelSelector."""

from collections.abc import Sequence

from sklearn_autotune.families import FAMILIES, get_exclusion_reason, select_families
from sklearn_autotune.families._base import Family
from sklearn_autotune.families._stacked import STACKED_NAMES

__all__ = ["resolve_families"]


def resolve_families(given: str | Sequence[str | Family], task: str) -> dict[str, Family]:
    """Resolve names and `Family` objects to the families that `AutoModelSelector` tries, by name.

    Parameters
    ----------
    given : "auto" or sequence of str and Family
    task : {"classification", "regression"}

    Returns
    -------
    families : dict of str to Family

    Raises
    ------
    ValueError, TypeError
        If one is not known, does not suit the task, or needs a package that is not installed; if two have the same
        name, or one has the name of a model of the second layer.
    """
    known = {family.name: family for family in FAMILIES}
    if isinstance(given, str):
        return select_families(task)
    families: dict[str, Family] = {}
    for item in given:
        if isinstance(item, str) and item not in known:
            raise ValueError(f"families names {item!r}, which is none of {', '.join(known)}.")
        family = known[item] if isinstance(item, str) else item
        if not isinstance(family, Family):
            raise TypeError(f"families takes names and Family objects, got {item!r}.")
        reason = get_exclusion_reason(family, task)
        if reason is not None:
            raise ValueError(f"The family {family.name!r} cannot be used: {reason}.")
        if families.get(family.name, family) is not family:
            raise ValueError(f"families has two that are named {family.name!r}: give each a name of its own.")
        if family.name in STACKED_NAMES:
            raise ValueError(f"The name {family.name!r} is that of a model of the second layer: choose another one.")
        families[family.name] = family
    if not families:
        raise ValueError("families is empty: name at least one, or pass 'auto'.")
    return families
