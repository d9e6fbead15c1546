"""Import optional packages, and say what to install when one is missing."""

from importlib import import_module
from types import ModuleType

__all__ = ["import_optional"]


def import_optional(package: str, purpose: str) -> ModuleType:
    """Import an optional package where it is used.

    Parameters
    ----------
    package : str
        Importable name, dots allowed, for instance ``"matplotlib.pyplot"``.
    purpose : str
        What needs the package: the beginning of the error message.

    Returns
    -------
    module : module

    Raises
    ------
    ImportError
        If the package is missing; the message says what to install.

    Examples
    --------
    >>> import_optional("json", "Reading results").dumps([1])
    '[1]'
    """
    try:
        return import_module(package)
    except ImportError as error:
        name = package.partition(".")[0]
        raise ImportError(f"{purpose} needs {name}: pip install {name}") from error
