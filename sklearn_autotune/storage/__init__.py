"""Optuna studies: create, open, lock, write, resume and share them."""

from sklearn_autotune.storage._base import StorageBackend
from sklearn_autotune.storage._given_storage import GivenStorage
from sklearn_autotune.storage._journal import Journal
from sklearn_autotune.storage._server import DatabaseServer
from sklearn_autotune.storage._sqlite_file import SqliteFile

__all__ = ["BACKENDS", "StorageBackend", "choose_backend"]

# In the order in which they are asked; the last one accepts anything.
BACKENDS: tuple[type[StorageBackend], ...] = (SqliteFile, DatabaseServer, Journal, GivenStorage)


def choose_backend(storage: object) -> type[StorageBackend]:
    """Return the variety of storage that the user gave: the first that accepts it.

    Parameters
    ----------
    storage : path, Optuna URL or Optuna storage
        A path means an SQLite file.

    Returns
    -------
    backend : type of StorageBackend
        Its `open` opens the storage.
    """
    return next(backend for backend in BACKENDS if backend.accepts(storage))
