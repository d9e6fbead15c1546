"""Studies in a database server, which several processes may search together."""

from typing import Any, ClassVar

from sklearn_autotune.storage._database import Database, find_database_url

__all__ = ["DatabaseServer"]


class DatabaseServer(Database):
    """A database server: any URL that SQLAlchemy accepts except SQLite's, or an RDBStorage with such a URL."""

    __slots__ = ()

    is_shared: ClassVar[bool] = True
    engine_options: ClassVar[dict[str, Any]] = {"pool_pre_ping": True}

    @classmethod
    def accepts(cls, storage: object) -> bool:
        """Whether the storage is a database other than an SQLite file."""
        url = find_database_url(storage)
        return url is not None and not url.startswith("sqlite")

    def lock(self, study_name: str) -> None:
        """Lock nothing, because processes share the study by claims on its candidates."""
