"""Import optional packages, with an error that says what to install, and find the installed versions.

The private names of optional packages are imported here.
"""

import re
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from types import ModuleType
from typing import Any

__all__ = ["format_install_command", "get_versions", "import_onnx_parser", "import_optional"]

OTHER_NAMES = {"xgboost": "xgboost-cpu"}  # distributions that contain the same module


def import_optional(package: str, purpose: str) -> ModuleType:
    """Import an optional package where it is used.

    Parameters
    ----------
    package : str
        The name to import, such as ``"matplotlib.pyplot"``.
    purpose : str
        What needs the package. The error message begins with it.

    Returns
    -------
    module : module

    Raises
    ------
    ImportError
        If the package is not installed. The message says what to install.

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


def import_onnx_parser(purpose: str) -> Callable[..., Any]:
    """Import the function by which skl2onnx calls the parser of a model; no public module has it.

    Parameters
    ----------
    purpose : str
        As of `import_optional`.

    Returns
    -------
    parse : callable
        ``parse(scope, model, inputs, custom_parsers=None)`` returns the outputs of the model.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.
    """
    parse: Callable[..., Any] = import_optional("skl2onnx._parse", purpose).parse_sklearn
    return parse


def format_install_command(extra: str) -> str:
    """Write the command that installs the packages of an extra.

    It names the packages themselves and not this one, so that it works wherever this package was installed from.

    Parameters
    ----------
    extra : str
        Name of an extra of this package.

    Returns
    -------
    command : str

    Examples
    --------
    >>> format_install_command("skops")
    "pip install 'skops>=0.13'"
    """
    entries = [entry.split(";") for entry in requires("sklearn-autotune") or []]
    packages = [entry[0].strip() for entry in entries if re.search(rf"extra == ['\"]{extra}['\"]", entry[-1])]
    return " ".join(["pip install", *(f"'{package}'" for package in packages)])


def get_versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of the packages that are installed.

    Parameters
    ----------
    packages : iterable of str
        Names on PyPI.

    Returns
    -------
    versions : dict of str to str

    Examples
    --------
    >>> list(get_versions(["numpy", "no-such-package"]))
    ['numpy']
    """
    found = {}
    for package in packages:
        for name in (package, OTHER_NAMES.get(package, package)):
            try:
                found[package] = version(name)
                break
            except PackageNotFoundError:
                continue
    return found
