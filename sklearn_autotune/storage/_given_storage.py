"""Studies in any other storage that the user opened, such as one in memory."""

from dataclasses import dataclass
from typing import ClassVar, Self, cast

from optuna.storages import BaseStorage

from sklearn_autotune._compat.optuna import skip_cache
from sklearn_autotune.storage._base import describe_storage

__all__ = ["GivenStorage"]


@dataclass(frozen=True, slots=True)
class GivenStorage:
    """A storage of an unknown kind that the user opened.

    Attributes
    ----------
    storage : BaseStorage
    """

    storage: BaseStorage

    is_shared: ClassVar[bool] = False

    @classmethod
    def accepts(cls, storage: object) -> bool:
        """Accept anything. Optuna raises an error if it cannot use the object."""
        return True

    @classmethod
    def check(cls, storage: object) -> None:
        """Do nothing."""

    @classmethod
    def open(cls, storage: object) -> Self:
        """Use the storage as it is."""
        return cls(cast(BaseStorage, storage))

    def lock(self, study_name: str) -> None:
        """Lock nothing, because it is not known whether other processes can reach the storage."""

    def describe(self) -> str:
        """Return the URL to which the storage writes or, if it has none, the name of its class."""
        return describe_storage(skip_cache(self.storage))

    def close(self) -> None:
        """Close nothing, because the user opened the storage."""
