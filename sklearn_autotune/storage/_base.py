"""What storages of studies have in common: how one is opened, locked and named."""

import os
from typing import Protocol, Self

from optuna.storages import BaseStorage, RDBStorage

from sklearn_autotune._compat.optuna import get_storage_url, skip_cache
from sklearn_autotune._compat.urls import has_secret, lacks_secret, redact_url
from sklearn_autotune.storage._lock import StudyLock

__all__ = ["StorageBackend", "describe_storage", "hide_secrets", "require_secrets"]


class StorageBackend(Protocol):
    """A variety of storage, opened: what a new one has to offer to stand in ``BACKENDS``.

    Attributes
    ----------
    storage : BaseStorage
        As Optuna uses it.
    is_shared : bool
        Whether several processes may search one study.
    """

    @property
    def storage(self) -> BaseStorage:
        """What Optuna uses."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether several processes may search one study."""
        ...

    @classmethod
    def accepts(cls, storage: object) -> bool:
        """Whether this is the variety of what the user gave as ``storage``, if none before it is."""
        ...

    @classmethod
    def check(cls, storage: object) -> None:
        """Raise StudyStorageError if the storage must not be opened, because writing would damage it."""
        ...

    @classmethod
    def open(cls, storage: object) -> Self:
        """Open what the user gave as ``storage``."""
        ...

    def lock(self, study_name: str) -> StudyLock | None:
        """Keep other processes from a study; None if several may search it, or no other process can reach it.

        Raises
        ------
        StudyInUseError
            If another search holds the study.
        """
        ...

    def describe(self) -> str:
        """Return the storage's name for a message, without a password."""
        ...

    def close(self) -> None:
        """Close the connections that `open` made; what the user opened stays open."""
        ...


def describe_storage(storage: object) -> str:
    """Return the URL, path or class name of what the user gave as ``storage``, without a password."""
    if isinstance(storage, RDBStorage):
        return redact_url(storage.url)
    if isinstance(storage, str):
        return redact_url(storage)
    return str(os.fspath(storage)) if isinstance(storage, os.PathLike) else type(storage).__name__


def hide_secrets(storage: object) -> object:
    """Return what stands for the user's ``storage`` in a pickle: a URL without its secrets where it has any.

    An opened database is replaced by its URL in any case: it keeps its connection's settings, which may be secret too.
    """
    url = storage if isinstance(storage, str) else get_storage_url(storage)
    if url is None or (isinstance(storage, str) and not has_secret(url)):
        return storage
    opened = skip_cache(storage)
    return storage if not isinstance(opened, str | RDBStorage) and not has_secret(url) else redact_url(url)


def require_secrets(storage: object) -> None:
    """Raise ValueError if the storage is a URL whose secret was left out."""
    if isinstance(storage, str) and lacks_secret(storage):
        raise ValueError(
            f"{storage!r} came without its password, which is left out of pickles, copies, reports and run folders. "
            "Set the whole URL again, of a search by set_params(storage=...), or let the database's driver read the "
            "password from where it looks for one (PostgreSQL: PGPASSWORD or ~/.pgpass)."
        )
