"""Stored Optuna studies: create, open, lock, write, resume and share them."""

from sklearn_autotune._compat.roll import import_roll
from sklearn_autotune.storage._base import StorageBackend

__all__ = ["BACKENDS", "StorageBackend", "choose_backend"]

# One line for each kind of storage, in the order in which they are asked; the last one accepts anything.
BACKENDS: tuple[type[StorageBackend], ...] = import_roll(
    __name__,
    "_sqlite_file.SqliteFile",
    "_server.DatabaseServer",
    "_journal.Journal",
    "_given_storage.GivenStorage",
)


def choose_backend(storage: object) -> type[StorageBackend]:
    """Return the class for the user's ``storage``: the first one that accepts it.

    Parameters
    ----------
    storage : path, Optuna URL or Optuna storage
        A path means an SQLite file.

    Returns
    -------
    backend : type of StorageBackend
        A class whose `open` opens the storage.
    """
    return next(backend for backend in BACKENDS if backend.accepts(storage))
