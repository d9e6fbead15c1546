"""Studies in one of Optuna's journals, which several processes may search together."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from optuna.storages import JournalStorage

from sklearn_autotune._compat.optuna import get_journal_path, skip_cache
from sklearn_autotune.exceptions import StudyStorageError
from sklearn_autotune.storage._base import describe_storage

__all__ = ["Journal"]


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal that the user opened.

    Attributes
    ----------
    storage : JournalStorage
    """

    storage: JournalStorage

    is_shared: ClassVar[bool] = True

    @classmethod
    def accepts(cls, storage: object) -> bool:
        """Whether it is one of Optuna's journals."""
        return isinstance(storage, JournalStorage)

    @classmethod
    def check(cls, storage: object) -> None:
        """Raise StudyStorageError if the last line of the journal's file was not written to its end.

        Optuna reads such a file without complaint. But what it appends joins the incomplete line, and from then on the
        file cannot be read.
        """
        name = get_journal_path(storage)
        if name is not None:
            _require_whole_lines(Path(name))

    @classmethod
    def open(cls, storage: object) -> Self:
        """Take the journal as it is."""
        if not isinstance(storage, JournalStorage):
            raise TypeError(f"a {type(storage).__name__} is no journal")
        return cls(storage)

    def lock(self, study_name: str) -> None:
        """Lock nothing: processes share the study by claims on its candidates."""

    def describe(self) -> str:
        """Return the name of the class that writes the journal."""
        return describe_storage(skip_cache(self.storage))

    def close(self) -> None:
        """Close nothing: the user opened it."""


def _require_whole_lines(path: Path) -> None:
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read() == b"\n":
            return
    raise StudyStorageError(
        f"The journal {str(path)!r} ends in the middle of a line: a process was ended, or the disk was full, while it "
        "was written. Nothing but that line is lost if it is cut off before anything is appended: keep a copy, then "
        f"from pathlib import Path; file = Path({str(path)!r}); whole = file.read_bytes(); "
        r"file.write_bytes(whole[: whole.rfind(b'\n') + 1])"
        ", and make a new storage from it."
    )
