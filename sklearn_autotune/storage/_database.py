"""The base class of storages in databases: Optuna's RDBStorage, given by the user or made from a path or a URL."""

import os
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from optuna.storages import RDBStorage

from sklearn_autotune._compat.urls import make_sqlite_url, redact_url

__all__ = ["Database", "find_database_url"]


def find_database_url(storage: object) -> str | None:
    """Return the URL of the user's ``storage`` if it is a database, or None if it is not.

    A path, or a str without "://", means an SQLite file.

    Raises
    ------
    ValueError
        If ``storage`` is an empty str.
    """
    if isinstance(storage, str) and not storage.strip():
        raise ValueError(
            f"storage={storage!r} names no file. Give a path, an Optuna URL such as 'sqlite:///study.db', or None to "
            "keep the study in memory."
        )
    if isinstance(storage, RDBStorage):
        return storage.url
    if isinstance(storage, os.PathLike) or (isinstance(storage, str) and "://" not in storage):
        return make_sqlite_url(storage)
    return storage if isinstance(storage, str) else None


@dataclass(frozen=True, slots=True)
class Database:
    """A storage in a database.

    Attributes
    ----------
    storage : RDBStorage
    is_owned : bool
        Whether `open` made the storage, so that `close` has to close its connections.
    """

    storage: RDBStorage
    is_owned: bool

    engine_options: ClassVar[dict[str, Any]]  # for SQLAlchemy; Optuna changes a copy

    @classmethod
    def check(cls, storage: object) -> None:
        """Do nothing, because a database rolls back an incomplete write by itself."""

    @classmethod
    def open(cls, storage: object) -> Self:
        """Connect to the database; Optuna creates its tables if there are none."""
        if isinstance(storage, RDBStorage):
            return cls(storage, is_owned=False)
        url = find_database_url(storage)
        if url is None:
            raise TypeError(f"A database needs a path, a URL or an RDBStorage, not a {type(storage).__name__}.")
        return cls(RDBStorage(url, engine_kwargs=deepcopy(cls.engine_options)), is_owned=True)

    def describe(self) -> str:
        """Return the database's URL without its password."""
        return redact_url(self.storage.url)

    def close(self) -> None:
        """Close the connections, unless the user made them."""
        if self.is_owned:
            self.storage.remove_session()
            self.storage.engine.dispose()
