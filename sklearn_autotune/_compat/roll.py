"""Import the list of interchangeable objects of a folder, such as all executors, from one line for each."""

from importlib import import_module
from typing import Any

__all__ = ["import_roll"]


def import_roll(package: str, *places: str) -> tuple[Any, ...]:
    """Import objects from the modules of a folder.

    Parameters
    ----------
    package : str
        The ``__name__`` of the folder's package.
    *places : str
        The objects to import, each as ``module.NAME``.

    Returns
    -------
    members : tuple of object
        The objects, in the given order.

    Examples
    --------
    >>> import_roll("sklearn_autotune.families", "_baseline.BASELINE")[0].name
    'baseline'
    """
    named = (place.split(".") for place in places)
    return tuple(getattr(import_module(f"{package}.{module}"), name) for module, name in named)
