"""What storages of studies have in common: how one is opened, locked and named."""

import os
from typing import Protocol, Self

from optuna.storages import BaseStorage, RDBStorage

from sklearn_autotune._compat.messages import redact_url
from sklearn_autotune.storage._lock import StudyLock

__all__ = ["StorageBackend", "describe_storage"]


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
