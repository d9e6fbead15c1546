"""What belongs to a stored study is read again as it was written, or not at all."""

import logging
import os
import threading
import time
from io import BytesIO

import numpy as np
import pytest
from optuna.artifacts import FileSystemArtifactStore
from optuna.artifacts.exceptions import ArtifactNotFound
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from sklearn_autotune.exceptions import StudyStorageError
from sklearn_autotune.storage import _artifacts
from sklearn_autotune.storage._artifacts import Artifacts, FolderStore, open_artifact_store

VALUE = {"predictions": [np.arange(3.0)], "rounds": 7}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "study.db.artifacts"


@pytest.fixture
def artifacts(folder):
    return open_study(FolderStore(folder))


def open_study(store, name="mine", **fingerprint):
    artifacts = Artifacts(store)
    artifacts.open(name, fingerprint)
    return artifacts


@pytest.mark.parametrize("make", [FolderStore, FileSystemArtifactStore])
def test_what_is_saved_is_read_again_by_another_process(tmp_path, make):
    open_study(make(tmp_path)).save(("trial", 3), VALUE)

    found = open_study(make(tmp_path)).load(("trial", 3))

    assert found["rounds"] == 7
    assert found["predictions"][0].tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("make", [FolderStore, FileSystemArtifactStore])
def test_there_is_nothing_under_other_keys_names_and_tasks(tmp_path, make):
    artifacts = open_study(make(tmp_path), data="a")
    artifacts.save(1, VALUE)

    assert artifacts.load(2) is None
    assert open_study(make(tmp_path), name="other", data="a").load(1) is None
    assert open_study(make(tmp_path), data="b").load(1) is None
    assert open_study(make(tmp_path), data="a").load(1) is not None
    artifacts.remove(1)
    artifacts.remove(1)
    assert artifacts.load(1) is None


def test_without_a_store_nothing_is_kept():
    artifacts = open_study(None)

    assert not artifacts.is_kept
    assert not artifacts.save(1, VALUE)
    artifacts.save_for_now(1, VALUE)
    assert artifacts.load(1) is None
    artifacts.remove_interim()
    artifacts.remove(1)


def test_before_a_study_is_opened_nothing_is_kept(folder):
    assert not Artifacts(FolderStore(folder)).save(1, VALUE)
    assert not folder.exists()


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-1], lambda content: b"x" + content[1:], lambda content: b""]
)
def test_a_damaged_file_counts_as_none(artifacts, folder, caplog, damage):
    artifacts.save(1, VALUE)
    (file,) = folder.iterdir()
    file.write_bytes(damage(file.read_bytes()))

    with caplog.at_level(logging.WARNING):
        assert artifacts.load(1) is None

    assert "damaged" in caplog.text


class Unreadable:
    """Can be pickled, but not read again."""

    def __reduce__(self):
        return int, ("not a number",)


def test_what_a_later_version_cannot_read_counts_as_none(artifacts, caplog):
    artifacts.save(1, Unreadable())

    with caplog.at_level(logging.WARNING):
        assert artifacts.load(1) is None

    assert "cannot be read" in caplog.text


def test_what_cannot_be_pickled_or_is_too_large_is_not_kept(artifacts, monkeypatch, folder):
    monkeypatch.setattr(_artifacts, "MAX_ARTIFACT_BYTES", 1000)

    assert not artifacts.save(1, threading.Lock())
    assert not artifacts.save(2, np.zeros(1000))
    assert not list(folder.iterdir())


def test_interim_values_go_when_they_are_part_of_a_result(artifacts, folder):
    artifacts.save(1, VALUE)
    artifacts.save_for_now(2, VALUE)
    artifacts.save_for_now(3, VALUE)
    resumed = open_study(FolderStore(folder))
    assert resumed.load_interim(2) is not None
    assert resumed.load_interim(4) is None

    resumed.remove_interim()
    resumed.remove_interim()

    assert [resumed.load(key) is None for key in (1, 2, 3)] == [False, True, False]


def test_a_failed_write_leaves_the_old_file_and_no_part(artifacts, folder, monkeypatch):
    artifacts.save(1, VALUE)

    def fail(number):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        artifacts.save(1, {"other": 1})

    assert artifacts.load(1)["rounds"] == 7
    assert len(list(folder.iterdir())) == 1


def test_parts_of_killed_processes_are_removed_once_they_are_old(artifacts, folder):
    artifacts.save(1, VALUE)
    old, new = folder / "a.1.part", folder / "b.2.part"
    for path in (old, new):
        path.write_bytes(b"half")
    hours_ago = time.time() - 2 * _artifacts.STALE_SECONDS
    os.utime(old, (hours_ago, hours_ago))

    open_study(FolderStore(folder))

    assert not old.exists()
    assert new.exists()


def test_the_folder_is_beside_the_file_of_the_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = JournalStorage(JournalFileBackend(str(tmp_path / "study.log")))

    for storage, name in [
        ("study.db", "study.db"),
        ("sqlite:///a.db", "a.db"),
        (tmp_path / "b", "b"),
        (log, "study.log"),
    ]:
        assert open_artifact_store(storage, None).path == tmp_path / f"{name}.artifacts"
    assert open_artifact_store("postgresql://me@host/db", "shared").path == tmp_path / "shared"
    store = FileSystemArtifactStore(tmp_path)
    assert open_artifact_store("study.db", store) is store
    assert open_artifact_store(None, None) is None


@pytest.mark.parametrize("storage", ["postgresql://me:secret@host/db", InMemoryStorage(), "sqlite://"])
def test_a_storage_that_is_no_file_needs_a_place_for_artifacts(storage):
    with pytest.raises(ValueError, match="Give artifact_store, a folder") as caught:
        open_artifact_store(storage, None)

    assert "secret" not in str(caught.value)


def test_what_is_no_store_is_refused():
    with pytest.raises(TypeError, match=r"artifact_store must be a folder.*got 7 of type int"):
        open_artifact_store("study.db", 7)
    with pytest.raises(ValueError, match="storage is None"):
        open_artifact_store(None, "folder")


@pytest.mark.parametrize("given", ["", " ", "s3://bucket/folder"])
def test_what_is_no_folder_is_refused(given):
    with pytest.raises(ValueError, match="is not a folder"):
        open_artifact_store("study.db", given)


def test_a_class_is_no_store():
    with pytest.raises(TypeError, match="artifact_store must be"):
        open_artifact_store("study.db", FileSystemArtifactStore)


def make_blocked(tmp_path, kind):
    file = tmp_path / "file"
    file.touch()
    stores = {
        "no parent": FolderStore(tmp_path / "missing" / "folder"),
        "a file": FolderStore(file),
        "no folder": FileSystemArtifactStore(tmp_path / "missing"),
    }
    return stores[kind]


@pytest.mark.parametrize("kind", ["no parent", "a file", "no folder"])
def test_a_store_that_cannot_be_used_is_named_when_the_study_is_opened(tmp_path, kind):
    with pytest.raises(StudyStorageError, match=r"artifact_store .* cannot be used"):
        open_study(make_blocked(tmp_path, kind))


class Forgetful(dict):
    """A store in memory that may refuse what comes after some writes."""

    def __init__(self, n_allowed=10**9, allows_removal=True):
        super().__init__()
        self.n_allowed = n_allowed
        self.allows_removal = allows_removal

    def write(self, name, body):
        self.n_allowed -= 1
        if self.n_allowed < 0:
            raise OSError("No space left on device")
        self[name] = body.read()

    def open_reader(self, name):
        if name not in self:
            raise ArtifactNotFound(name)
        return BytesIO(self[name])

    def remove(self, name):
        if not self.allows_removal:
            raise PermissionError("nothing may be removed")
        del self[name]


def test_a_store_that_returns_something_else_is_named():
    store = Forgetful()
    store.open_reader = lambda name: BytesIO(b"other")

    with pytest.raises(StudyStorageError, match="does not return what was written"):
        open_study(store)


def test_interim_values_are_not_worth_an_error(caplog):
    artifacts = open_study(Forgetful(n_allowed=2, allows_removal=False))
    artifacts.save_for_now(1, VALUE)

    artifacts.save_for_now(2, VALUE)
    artifacts.shrink(1, None)
    artifacts.remove_interim()

    assert artifacts.load(1)["rounds"] == 7
    assert "could not be kept: No space left" in caplog.text
    assert "could not be removed: nothing may be removed" in caplog.text
