"""Finds families by the names that users write, and resolves the ``families`` argument of AutoModelSelector."""

from collections.abc import Mapping, Sequence

from sklearn_autotune._compat.messages import make_name_key, suggest_name
from sklearn_autotune.families import FAMILIES, get_exclusion_reason, select_families
from sklearn_autotune.families._base import Family
from sklearn_autotune.families._stacked import STACKED_NAMES

__all__ = ["find_family", "list_names", "resolve_families", "suggest_family"]


def list_names(family: Family) -> tuple[str, ...]:
    """List the names by which a family can be called: its own first, its aliases, and the names of its classes.

    Examples
    --------
    >>> list_names(find_family("rf"))
    ('forest', 'random_forest', 'random_forests', 'rf', 'RandomForestClassifier', 'RandomForestRegressor')
    """
    return (family.name, *family.aliases, *(name.partition(".")[2] for name in family.estimators))


def find_family(name: str) -> Family | None:
    """Find a family of the catalogue by any of its names. Capitals, spaces, hyphens and underscores do not matter.

    Examples
    --------
    >>> [find_family(name).name for name in ("xgb", "Random Forest", "LogisticRegression")]
    ['xgboost', 'forest', 'logistic']
    """
    key = make_name_key(name)
    return next((family for family in FAMILIES if key in map(make_name_key, list_names(family))), None)


def suggest_family(name: str, families: Mapping[str, Family]) -> str:
    """Return how a message about a name that no family has goes on: with the nearest name, or with all families.

    Parameters
    ----------
    name : str
    families : mapping of str to Family
        Those that can be used.

    Examples
    --------
    >>> suggest_family("forrest", select_families("regression"))
    ': did you mean forest?'
    """
    return suggest_name(name, (known for family in families.values() for known in list_names(family)), families)


def resolve_families(
    given: str | Family | Sequence[str | Family], task: str, n_rows: int | None = None, *, follows_time: bool = False
) -> dict[str, Family]:
    """Resolve names and `Family` objects to the families that `AutoModelSelector` tries, by name.

    Parameters
    ----------
    given : "auto", str, Family, or sequence of str and Family
    task : {"classification", "regression"}
    n_rows : int or None, default=None
        Rows of the table; None before they are known.
    follows_time : bool, default=False
        Whether candidates are tested on later rows than they are fitted on.

    Returns
    -------
    families : dict of str to Family

    Raises
    ------
    ValueError, TypeError
        If one is not known, does not suit the task or the number of rows, or needs a package that is not installed; if
        two have the same name, or one has the name of a model of the second layer.
    """
    if isinstance(given, str) and given == "auto":
        usable = select_families(task, n_rows)
        left_out = {
            name for name, family in usable.items() if family.is_named_only or (family.is_local and follows_time)
        }
        return {name: family for name, family in usable.items() if name not in left_out}
    families: dict[str, Family] = {}
    for item in [given] if isinstance(given, str | Family) else given:
        family = _resolve_family(item, task, n_rows)
        if families.get(family.name, family) is not family:
            raise ValueError(f"families has two that are named {family.name!r}: give each a name of its own.")
        families[family.name] = family
    if not families:
        raise ValueError("families is empty: name at least one, or pass 'auto'.")
    return families


def _resolve_family(item: str | Family, task: str, n_rows: int | None) -> Family:
    """Return the family that a name or a `Family` stands for, if it can be used for the task."""
    if not isinstance(item, str | Family):
        raise TypeError(f"families takes names and Family objects, got {item!r}.")
    family = find_family(item) if isinstance(item, str) else item
    if family is None:
        raise ValueError(f"families: {item!r} is not known{_suggest(str(item), task)}")
    reason = get_exclusion_reason(family, task, n_rows)
    if reason is not None:
        usable = ", ".join(select_families(task, n_rows))
        raise ValueError(f"The family {family.name!r} cannot be used: {reason}. For {task} there are {usable}.")
    if family.name in STACKED_NAMES:
        raise ValueError(f"The name {family.name!r} is that of a model of the second layer: choose another one.")
    return family


def _suggest(name: str, task: str) -> str:
    if "," in name:
        names = [part.strip() for part in name.split(",")]
        return f": for several families, write a list, families={names!r}"
    if make_name_key(name) in ("all", "auto", "any"):
        return ": for all families, write families='auto'"
    return suggest_family(name, select_families(task))
