"""Rolls: the varieties of a room, one line each, in the order in which they are asked."""

from importlib import import_module
from typing import Any

__all__ = ["import_roll"]


def import_roll(package: str, *places: str) -> tuple[Any, ...]:
    """Import the members of a roll.

    Parameters
    ----------
    package : str
        The room, as its ``__name__``.
    *places : str
        Each as ``module.NAME``, with a module of the room.

    Returns
    -------
    members : tuple of object
        In the order of the places.

    Examples
    --------
    >>> import_roll("sklearn_autotune.families", "_baseline.BASELINE")[0].name
    'baseline'
    """
    named = (place.split(".") for place in places)
    return tuple(getattr(import_module(f"{package}.{module}"), name) for module, name in named)
