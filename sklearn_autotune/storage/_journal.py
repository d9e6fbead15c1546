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
        """Whether the storage is one of Optuna's journals."""
        return isinstance(storage, JournalStorage)

    @classmethod
    def check(cls, storage: object) -> None:
        """Raise StudyStorageError if the last line of the journal's file is incomplete.

        Optuna reads such a file without an error. But its next write is appended to the incomplete line, and afterwards
        Optuna cannot read the file.
        """
        name = get_journal_path(storage)
        if name is not None:
            _require_whole_lines(Path(name))

    @classmethod
    def open(cls, storage: object) -> Self:
        """Use the journal as it is."""
        if not isinstance(storage, JournalStorage):
            raise TypeError(f"A {type(storage).__name__} is not a journal of Optuna.")
        return cls(storage)

    def lock(self, study_name: str) -> None:
        """Lock nothing, because processes share the study by claims on its candidates."""

    def describe(self) -> str:
        """Return the name of the class that writes the journal."""
        return describe_storage(skip_cache(self.storage))

    def close(self) -> None:
        """Close nothing, because the user opened the journal."""


def _require_whole_lines(path: Path) -> None:
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read() == b"\n":
            return
    raise StudyStorageError(
        f"The journal {str(path)!r} ends in the middle of a line: while it was written, the process was ended or the "
        "disk was full. Only that line is lost if you remove it before anything is appended. Keep a copy, run this "
        "Python code, and open the journal again:\n"
        f"from pathlib import Path; file = Path({str(path)!r}); whole = file.read_bytes(); "
        r"file.write_bytes(whole[: whole.rfind(b'\n') + 1])"
    )
