"""The methods that all kinds of storage have, and how a storage is named without its password."""

import os
from typing import Protocol, Self

from optuna.storages import BaseStorage, RDBStorage

from sklearn_autotune._compat.optuna import get_storage_url, skip_cache
from sklearn_autotune._compat.urls import has_secret, lacks_secret, redact_url
from sklearn_autotune.storage._lock import StudyLock

__all__ = ["StorageBackend", "describe_storage", "hide_secrets", "require_secrets"]


class StorageBackend(Protocol):
    """An opened storage of one kind: the methods that a class in ``BACKENDS`` must have.

    Attributes
    ----------
    storage : BaseStorage
        The Optuna storage.
    is_shared : bool
        Whether several processes may search one study.
    """

    @property
    def storage(self) -> BaseStorage:
        """The Optuna storage."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether several processes may search one study."""
        ...

    @classmethod
    def accepts(cls, storage: object) -> bool:
        """Whether to use this class for the user's ``storage``, if no earlier one in ``BACKENDS`` accepts it."""
        ...

    @classmethod
    def check(cls, storage: object) -> None:
        """Raise StudyStorageError if the storage must not be opened, because writing would damage it."""
        ...

    @classmethod
    def open(cls, storage: object) -> Self:
        """Open the user's ``storage``."""
        ...

    def lock(self, study_name: str) -> StudyLock | None:
        """Lock a study for this process.

        Return None without a lock if several processes may search it, or if no other process can reach it.

        Raises
        ------
        StudyInUseError
            If another search holds the study.
        """
        ...

    def describe(self) -> str:
        """Return the name of the storage for messages, without a password."""
        ...

    def close(self) -> None:
        """Close the connections that `open` made, but not those that the user opened."""
        ...


def describe_storage(storage: object) -> str:
    """Return the URL, path or class name of the user's ``storage``, without a password."""
    if isinstance(storage, RDBStorage):
        return redact_url(storage.url)
    if isinstance(storage, str):
        return redact_url(storage)
    return str(os.fspath(storage)) if isinstance(storage, os.PathLike) else type(storage).__name__


def hide_secrets(storage: object) -> object:
    """Return what is pickled in place of the user's ``storage``: it is a URL without secrets if ``storage`` has any.

    An opened database is always replaced by its URL, because its connection settings may contain secrets too.
    """
    url = storage if isinstance(storage, str) else get_storage_url(storage)
    if url is None or (isinstance(storage, str) and not has_secret(url)):
        return storage
    opened = skip_cache(storage)
    return storage if not isinstance(opened, str | RDBStorage) and not has_secret(url) else redact_url(url)


def require_secrets(storage: object) -> None:
    """Raise ValueError if the storage is a URL whose password was removed by `hide_secrets`."""
    if isinstance(storage, str) and lacks_secret(storage):
        raise ValueError(
            f"The storage URL {storage!r} came without its password, because passwords are removed from pickles, "
            "copies, reports and run folders. Give the whole URL again (for a search, by set_params(storage=...)), or "
            "let the database driver read the password (PostgreSQL: from PGPASSWORD or ~/.pgpass)."
        )
