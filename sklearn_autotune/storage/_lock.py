"""A lock on a file that dies with the process that holds it, however that process ends."""

import hashlib
import logging
import os
from pathlib import Path
from typing import Any

from sklearn_autotune.exceptions import StudyInUseError

try:
    import fcntl
except ImportError:  # pragma: no cover  # Windows
    fcntl = None  # type: ignore[assignment,unused-ignore]

__all__ = ["StudyLock"]

logger = logging.getLogger(__name__)

FAR_BEHIND = 2**30  # the byte that Windows locks: nobody could read one with the process's number in it


class StudyLock:
    """Holds a study of a database file for this process; a small file beside the database stands for it.

    The kernel lets go of the lock when the process ends, also by ``kill -9``. The file may stay behind then, and is
    taken over by the next one.

    Parameters
    ----------
    database : path
    study_name : str
        Goes into the file's name as a hash: it may hold any characters.

    Raises
    ------
    StudyInUseError
        If another search, of this process or another, holds it; names the process.
    """

    def __init__(self, database: str | os.PathLike, study_name: str) -> None:
        digest = hashlib.blake2b(study_name.encode(), digest_size=6).hexdigest()
        self.path = Path(f"{os.fspath(database)}.{digest}.lock")
        self.file: Any = self._take(study_name, os.fspath(database))

    def release(self) -> None:
        """Let go, and remove the file."""
        if self.file is None:
            return
        file, self.file = self.file, None
        # While it is held: whoever opened it meanwhile finds on taking it that it is not there any more.
        if fcntl is not None:
            self.path.unlink(missing_ok=True)
        file.close()

    def _take(self, study_name: str, database: str) -> Any:
        while True:
            file = self.path.open("a+")
            try:
                _lock(file)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                file.close()
                raise StudyInUseError(
                    f"The study {study_name!r} in {database!r} is being searched by process {holder}. Wait until it "
                    "has ended, or end it; or choose another study_name."
                ) from None
            except OSError as error:  # a file system that knows no locks
                logger.warning("%s cannot be locked (%s): see to it that only one process uses it.", self.path, error)
                return file
            if self._is_still_there(file):
                file.truncate(0)
                file.write(str(os.getpid()))
                file.flush()
                return file
            file.close()

    def _is_still_there(self, file: Any) -> bool:
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(file.fileno()))
        except FileNotFoundError:
            return False


def _lock(file: Any) -> None:
    """Take the lock, or raise BlockingIOError."""
    if fcntl is not None:
        # Not lockf: those locks are shared by all of a process, and are gone as soon as any part of it closes the file.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    import msvcrt  # pragma: no cover

    file.seek(FAR_BEHIND)  # pragma: no cover
    try:  # pragma: no cover
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except PermissionError as error:  # pragma: no cover
        raise BlockingIOError(*error.args) from None
