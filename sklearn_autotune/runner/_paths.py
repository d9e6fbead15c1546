"""Paths that a user names: what is wrong with one that cannot be read or written, and the nearest one that is there."""

import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from sklearn_autotune._compat.messages import find_nearest_name

__all__ = ["explain_missing", "explain_not_writable"]

MAX_NAMES = 1000  # of a folder, that are compared with the missing one


def explain_missing(path: Path, is_wanted: Callable[[Path], bool]) -> str:
    """Explain that a path leads to nothing: the folder that is missing, or the nearest name beside it.

    Parameters
    ----------
    path : Path
    is_wanted : callable
        Whether a path beside it may be meant.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "data.csv").write_text("")
    ...     explain_missing(Path(folder, "dat.csv"), Path.is_file)
    ': did you mean data.csv?'
    """
    folder = path.parent
    if not folder.is_dir():
        return f": there is no folder {folder}"
    beside = islice(sorted(folder.iterdir()), MAX_NAMES)
    nearest = find_nearest_name(path.name, [other.name for other in beside if is_wanted(other)])
    return "" if nearest is None else f": did you mean {nearest}?"


def explain_not_writable(path: Path) -> str | None:
    """Explain why nothing can be written at a path, or return None if it can.

    Folders that are missing on the way are made when the path is written, so the last one that is there is tried.
    """
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        return f"{folder} is no folder"
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=f".{path.name}-"):
            return None
    except OSError as error:
        return f"in {folder} nothing can be written: {error.strerror or error}"
