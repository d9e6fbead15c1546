"""A file lock that the kernel releases when the process ends, even if it is killed."""

import errno
import hashlib
import logging
import os
import stat
from pathlib import Path
from typing import Any

from sklearn_autotune.exceptions import StudyInUseError, StudyStorageError

try:
    import fcntl
except ImportError:  # pragma: no cover  # Windows
    fcntl = None  # type: ignore[assignment,unused-ignore]

__all__ = ["StudyLock"]

logger = logging.getLogger(__name__)

LOCKED_BYTE_OFFSET = 2**30  # Windows: a locked byte cannot be read, so it must not be one that holds the process id


class StudyLock:
    """Locks one study of a database file for this process, by a small lock file beside the database.

    The kernel releases the lock when the process ends, even after ``kill -9``. The lock file may remain; the next
    process uses it again.

    Parameters
    ----------
    database : path
    study_name : str
        May contain any characters, because the lock file's name contains only a hash of it.

    Raises
    ------
    StudyInUseError
        If another search holds the lock, in this process or another one. The message names the process id.
    StudyStorageError
        If the lock file is a link, or not a regular file.
    """

    def __init__(self, database: str | os.PathLike[str], study_name: str) -> None:
        digest = hashlib.blake2b(study_name.encode(), digest_size=6).hexdigest()
        self.path = Path(f"{os.fspath(database)}.{digest}.lock")
        self.file: Any = self._acquire(study_name, os.fspath(database))

    def release(self) -> None:
        """Release the lock, and remove the file."""
        if self.file is None:
            return
        file, self.file = self.file, None
        # Removed while it is locked: a process that has opened it in the meantime sees that the path is gone, and
        # tries again.
        if fcntl is not None:
            self.path.unlink(missing_ok=True)
        file.close()

    def _acquire(self, study_name: str, database: str) -> Any:
        while True:
            file = _open_own_file(self.path)
            try:
                _lock_file(file)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                file.close()
                raise StudyInUseError(
                    f"The study {study_name!r} in {database!r} is in use by process {holder}. Wait until that process "
                    "has ended, end it, or choose another study_name."
                ) from None
            except OSError as error:  # a file system without locks
                logger.warning(
                    "The file system cannot lock %s (%s). Make sure that only one process uses this study.",
                    self.path,
                    error,
                )
                return file
            if self._is_still_there(file):
                file.truncate(0)
                file.write(str(os.getpid()))
                file.flush()
                return file
            file.close()

    def _is_still_there(self, file: Any) -> bool:
        try:
            return os.path.samestat(os.lstat(self.path), os.fstat(file.fileno()))
        except FileNotFoundError:
            return False


def _open_own_file(path: Path) -> Any:
    """Open or create the lock file, without following a link, which could lead to another file.

    Raises
    ------
    StudyStorageError
        If the path is a link, or not a regular file.
    """
    message = (
        f"The lock file {str(path)!r} cannot be written, because it is a link or not a regular file. Find out who made "
        "it and remove it, or keep the study in a folder that nobody else can write to."
    )
    if path.is_symlink():  # also on systems on which os.open cannot refuse links
        raise StudyStorageError(message)
    try:
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR):
            raise StudyStorageError(message) from error
        raise
    status = os.fstat(number)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(number)
        raise StudyStorageError(message)
    return os.fdopen(number, "a+")


def _lock_file(file: Any) -> None:
    """Lock the file, or raise BlockingIOError."""
    if fcntl is not None:
        # Not lockf: its locks belong to the whole process, and end as soon as any code in it closes the file.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    import msvcrt  # pragma: no cover

    file.seek(LOCKED_BYTE_OFFSET)  # pragma: no cover
    try:  # pragma: no cover
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except PermissionError as error:  # pragma: no cover
        raise BlockingIOError(*error.args) from None
