"""Studies in an SQLite file, which one process at a time may search."""

import os
from typing import Any, ClassVar

from sklearn_autotune._compat.urls import find_sqlite_file
from sklearn_autotune.exceptions import StudyStorageError
from sklearn_autotune.storage._base import describe_storage
from sklearn_autotune.storage._database import Database, find_database_url
from sklearn_autotune.storage._lock import StudyLock

__all__ = ["SqliteFile"]

SQLITE_TIMEOUT_SECONDS = 60  # how long another program may keep the database locked


class SqliteFile(Database):
    """An SQLite file: a path, a URL that begins with "sqlite", or an RDBStorage with such a URL."""

    __slots__ = ()

    is_shared: ClassVar[bool] = False
    engine_options: ClassVar[dict[str, Any]] = {"connect_args": {"timeout": SQLITE_TIMEOUT_SECONDS}}

    @classmethod
    def accepts(cls, storage: object) -> bool:
        """Whether the storage is an SQLite file."""
        url = find_database_url(storage)
        return url is not None and url.startswith("sqlite")

    @classmethod
    def check(cls, storage: object) -> None:
        """Raise StudyStorageError if the folder of the file does not exist, because SQLite does not create it."""
        url = find_database_url(storage)
        path = None if url is None else find_sqlite_file(url)
        folder = os.path.dirname(os.path.abspath(path)) if path else ""
        if folder and not os.path.isdir(folder):
            raise StudyStorageError(
                f"The storage {describe_storage(storage)!r} cannot be read, because there is no folder {folder}. "
                "Create it, or give the path of another file."
            )

    def lock(self, study_name: str) -> StudyLock | None:
        """Lock a study by a file beside the database; None if the database is in memory."""
        path = find_sqlite_file(self.storage.url)
        return None if path is None else StudyLock(os.path.abspath(path), study_name)
