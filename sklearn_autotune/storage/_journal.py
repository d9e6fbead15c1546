"""Check the end of a journal file before anything is appended to it."""

import os
from pathlib import Path
from typing import Any

from sklearn_autotune._compat.optuna import get_journal_path
from sklearn_autotune.exceptions import StudyStorageError

__all__ = ["find_journal_file", "require_complete_journal"]


def find_journal_file(storage: Any) -> Path | None:
    """Return the file of one of Optuna's journal storages; None for any other storage."""
    path = get_journal_path(storage)
    return None if path is None else Path(path)


def require_complete_journal(storage: Any) -> None:
    """Raise StudyStorageError if a journal's last line was not written to its end.

    Optuna reads such a file without complaint. But what it appends joins the incomplete line, and from then on the file
    cannot be read.
    """
    path = find_journal_file(storage)
    if path is None or not path.exists() or path.stat().st_size == 0:
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
