"""What a search keeps beside its stored study because a database cannot hold it: predictions and fitted models.

It is kept in one of Optuna's artifact stores, by default a folder beside the file of the study. Each artifact is a
pickle behind a digest of itself. It is written before the trial that it belongs to, so that a stored trial without a
whole artifact has lost it.
"""

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote
from uuid import uuid4

from optuna.artifacts import FileSystemArtifactStore
from optuna.artifacts.exceptions import ArtifactNotFound

from sklearn_autotune._compat.digest import compute_digest
from sklearn_autotune._compat.optuna import get_journal_path
from sklearn_autotune._compat.urls import find_sqlite_file
from sklearn_autotune.exceptions import StudyStorageError
from sklearn_autotune.execution._worker import dumps, loads
from sklearn_autotune.storage._base import describe_storage
from sklearn_autotune.storage._database import find_database_url

__all__ = ["MAX_ARTIFACT_BYTES", "ArtifactStore", "Artifacts", "FolderStore", "open_artifact_store"]

logger = logging.getLogger(__name__)

FOLDER_SUFFIX = ".artifacts"
MAX_ARTIFACT_BYTES = 2**28
DIGEST_BYTES = 16
MAX_NAME_LENGTH = 80  # of the study's name in the names of files
PART_SUFFIX = ".part"  # of a file that is being written
PROBE = "whether the store can be used"
STALE_SECONDS = 3600.0  # nobody writes one file for so long


class ArtifactStore(Protocol):
    """The methods of Optuna's artifact stores that are used here."""

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Open an artifact; raise ArtifactNotFound if there is none."""
        ...

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Write an artifact."""
        ...

    def remove(self, artifact_id: str) -> None:
        """Remove an artifact; may raise ArtifactNotFound if there is none."""
        ...


class FolderStore(FileSystemArtifactStore):
    """A folder in which a file is written whole or not at all; it is made when something is written.

    Optuna's own store writes a file in place, so that a killed process leaves half of it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Write a new file, flush it to the disk, and move it to its place."""
        self.path.mkdir(exist_ok=True)
        part = self.path / f"{artifact_id}.{uuid4().hex}{PART_SUFFIX}"
        try:
            with part.open("xb") as file:
                shutil.copyfileobj(content_body, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self.path / artifact_id)
        finally:
            part.unlink(missing_ok=True)

    def remove_parts(self) -> None:
        """Remove what processes that were killed have left of files that they were writing."""
        parts = list(self.path.glob(f"*{PART_SUFFIX}"))
        if not parts:
            return
        new = self.path / f"{uuid4().hex}{PART_SUFFIX}"
        new.touch()
        now = new.stat().st_mtime  # by the clock of the disk, which may be another machine's
        new.unlink()
        for path in parts:
            try:
                if now - path.stat().st_mtime > STALE_SECONDS:
                    path.unlink()
            except FileNotFoundError:  # another process was faster
                continue


class Artifacts:
    """The artifacts of one study, by keys; without a store nothing is kept.

    Parameters
    ----------
    store : ArtifactStore or None

    Attributes
    ----------
    opened : ArtifactStore or None
        The store, once `open` has been called; until then nothing is kept.
    """

    def __init__(self, store: ArtifactStore | None = None) -> None:
        self.store = store
        self.opened: ArtifactStore | None = None
        self.prefix = ""  # of the names of the study's artifacts
        self.interim_keys: list[object] = []

    @property
    def is_kept(self) -> bool:
        """Whether what is saved is kept."""
        return self.opened is not None

    def open(self, study_name: str, fingerprint: Mapping[str, Any]) -> None:
        """Take the artifacts of a study, which are those of its task only.

        Raises
        ------
        StudyStorageError
            If the store cannot be used.
        """
        self.prefix = f"{quote(study_name, safe='')[:MAX_NAME_LENGTH]}-{compute_digest((study_name, fingerprint))[:12]}"
        self.opened = self.store
        if self.opened is None:
            return
        try:
            if isinstance(self.opened, FolderStore):
                self.opened.remove_parts()
            is_usable = self.save(PROBE, PROBE) and self.load(PROBE) == PROBE
        except Exception as error:  # each store has its own
            raise StudyStorageError(
                f"artifact_store {self.describe()!r} cannot be used ({type(error).__name__}: {error}). Its folder, or "
                "bucket, has to exist, and this process has to be allowed to read and write there. Nothing was fitted."
            ) from error
        if not is_usable:
            raise StudyStorageError(f"artifact_store {self.describe()!r} does not return what was written to it.")
        self._try("removed", self.remove, PROBE)

    def describe(self) -> str:
        """Return the folder, or the kind of store, for messages."""
        return str(self.store.path) if isinstance(self.store, FolderStore) else type(self.store).__name__

    def save(self, key: object, value: object) -> bool:
        """Save a value; return False if it is larger than MAX_ARTIFACT_BYTES, and is not kept."""
        if self.opened is None:
            return False
        try:
            content = dumps(value)
        except Exception as error:  # any __reduce__ may raise anything
            logger.info("What was computed cannot be pickled, and is not stored with the study: %s", error)
            return False
        if len(content) > MAX_ARTIFACT_BYTES:
            logger.warning("Predictions of %d bytes are too large to be stored with the study.", len(content))
            return False
        self.opened.write(self._make_id(key), BytesIO(_compute_checksum(content) + content))
        return True

    def load(self, key: object) -> Any:
        """Load a value; None if there is none, or if it cannot be read."""
        if self.opened is None:
            return None
        try:
            with self.opened.open_reader(self._make_id(key)) as file:
                content = file.read()
        except ArtifactNotFound:
            return None
        checksum, content = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        if checksum != _compute_checksum(content):
            logger.warning("An artifact of the stored study is damaged. What it held is computed again.")
            return None
        try:
            return loads(content)
        except Exception as error:  # of other versions of the packages, any __setstate__ may raise anything
            logger.warning("An artifact of the stored study cannot be read (%s). It is computed again.", error)
            return None

    def shrink(self, key: object, value: object) -> None:
        """Save a smaller value in place of one that is kept, if the store can be written."""
        self._try("made smaller", self.save, key, value)

    def save_for_now(self, key: object, value: object) -> None:
        """Save a value until `remove_interim` is called, if the store can be written."""
        if self._try("kept", self.save, key, value):
            self.interim_keys.append(key)

    def load_interim(self, key: object) -> Any:
        """Load a value that was saved until `remove_interim` is called; None if there is none."""
        value = self._try("read", self.load, key)
        if value is not None:
            self.interim_keys.append(key)
        return value

    def remove_interim(self) -> None:
        """Remove what was saved or loaded for now, because it has become part of a result."""
        while self.interim_keys:
            self._try("removed", self.remove, self.interim_keys.pop())

    def _try(self, what: str, action: Callable[..., Any], *args: object) -> Any:
        """Do what only saves time or space, as far as the store can; each has errors of its own."""
        try:
            return action(*args)
        except Exception as error:
            logger.warning("Something that belongs to the stored study could not be %s: %s", what, error)
            return None

    def remove(self, key: object) -> None:
        """Remove a value, if there is one."""
        if self.opened is None:
            return
        try:
            self.opened.remove(self._make_id(key))
        except ArtifactNotFound:
            return

    def _make_id(self, key: object) -> str:
        return f"{self.prefix}-{compute_digest(key)}"


def _compute_checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()


def open_artifact_store(storage: object, artifact_store: object) -> ArtifactStore | None:
    """Return where the artifacts of a stored study are kept; None if there is no storage.

    Parameters
    ----------
    storage : path, Optuna URL, Optuna storage or None
    artifact_store : path, Optuna artifact store or None
        None is a folder beside the file of the storage.

    Raises
    ------
    ValueError
        If there is an ``artifact_store`` without a ``storage``, if it is a URL, or if there is none and the storage is
        not a file.
    TypeError
        If ``artifact_store`` is neither a path nor an artifact store.
    """
    if artifact_store is not None and not isinstance(artifact_store, str | os.PathLike):
        missing = [name for name in ("open_reader", "write", "remove") if not hasattr(artifact_store, name)]
        if missing or isinstance(artifact_store, type):
            raise TypeError(
                "artifact_store must be a folder, one of optuna.artifacts' stores, such as FileSystemArtifactStore or "
                f"Boto3ArtifactStore, or None, got {artifact_store!r} of type {type(artifact_store).__name__}."
            )
    if isinstance(artifact_store, str) and (not artifact_store.strip() or "://" in artifact_store):
        raise ValueError(
            f"artifact_store={artifact_store!r} is not a folder. Give the path of one, or one of optuna.artifacts' "
            "stores, such as Boto3ArtifactStore('bucket') for S3."
        )
    if storage is None:
        if artifact_store is not None:
            raise ValueError("artifact_store keeps what belongs to a stored study, but storage is None. Give both.")
        return None
    if artifact_store is None:
        file = _find_file(storage)
        if file is None:
            raise ValueError(
                f"The storage {describe_storage(storage)!r} keeps the trials, but not the predictions and models that "
                "a blend is made of. Give artifact_store, a folder that all processes of the search reach, or one of "
                "optuna.artifacts' stores. Beside a file, such as storage='study.db', a folder is made by default."
            )
        return FolderStore(Path(f"{os.path.abspath(file)}{FOLDER_SUFFIX}"))
    if isinstance(artifact_store, str | os.PathLike):
        return FolderStore(Path(artifact_store).absolute())
    return artifact_store  # type: ignore[return-value]


def _find_file(storage: object) -> str | None:
    """Return the path of the file that a storage writes; None if it writes none."""
    journal = get_journal_path(storage)
    if journal is not None:
        return journal
    url = find_database_url(storage)
    return find_sqlite_file(url) if url is not None and url.startswith("sqlite") else None
