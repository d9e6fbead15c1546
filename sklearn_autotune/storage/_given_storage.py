"""Studies in any other storage that the user opened, for instance in memory."""

from dataclasses import dataclass
from typing import ClassVar, Self, cast

from optuna.storages import BaseStorage

from sklearn_autotune._compat.optuna import skip_cache
from sklearn_autotune.storage._base import describe_storage

__all__ = ["GivenStorage"]


@dataclass(frozen=True, slots=True)
class GivenStorage:
    """A storage that the user opened, of which nothing is known but that Optuna can use it.

    Attributes
    ----------
    storage : BaseStorage
    """

    storage: BaseStorage

    is_shared: ClassVar[bool] = False

    @classmethod
    def accepts(cls, storage: object) -> bool:
        """Accept anything: Optuna says what it cannot use."""
        return True

    @classmethod
    def check(cls, storage: object) -> None:
        """Do nothing."""

    @classmethod
    def open(cls, storage: object) -> Self:
        """Take the storage as it is."""
        return cls(cast(BaseStorage, storage))

    def lock(self, study_name: str) -> None:
        """Lock nothing: it is not known whether other processes can reach the storage."""

    def describe(self) -> str:
        """Return the name of the class that writes, or the URL that it writes to."""
        return describe_storage(skip_cache(self.storage))

    def close(self) -> None:
        """Close nothing: the user opened it."""
