"""A lock allows only one search of a study, and ends with its process."""

import os

import pytest

from sklearn_autotune.exceptions import StudyInUseError, StudyStorageError
from sklearn_autotune.storage._lock import StudyLock


@pytest.fixture
def database(tmp_path):
    return tmp_path / "study.db"


def test_any_study_name_will_do_for_a_lock(tmp_path):
    for name in ("../../etc/x", "'; DROP TABLE studies", "a" * 500, "", "\u202e"):
        lock = StudyLock(tmp_path / "study.db", name)
        assert [path.parent for path in tmp_path.iterdir()] == [tmp_path]
        lock.release()


def test_a_study_has_one_lock_at_a_time_and_other_studies_are_free(database):
    lock = StudyLock(database, "mine")

    with pytest.raises(StudyInUseError, match=rf"'mine' in '.*study.db' .* process {os.getpid()}\. "):
        StudyLock(database, "mine")
    StudyLock(database, "another").release()
    lock.release()
    StudyLock(database, "mine").release()


def test_releasing_removes_the_file_and_a_second_time_does_nothing(database, tmp_path):
    lock = StudyLock(database, "mine")
    lock.release()
    assert list(tmp_path.iterdir()) == []

    other = StudyLock(database, "mine")
    lock.release()

    assert list(tmp_path.iterdir()) == [other.path]
    other.release()


def test_a_file_that_a_dead_process_left_is_used_again(database):
    lock = StudyLock(database, "mine")
    path = lock.path
    lock.release()
    path.write_text("123456789")

    lock = StudyLock(database, "mine")

    assert lock.path == path
    assert path.read_text() == str(os.getpid())
    lock.release()


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_a_link_in_the_place_of_the_lock_file_is_not_followed(database, tmp_path, link):
    victim = tmp_path / "letter.txt"
    victim.write_text("dear reader")
    lock = StudyLock(database, "mine")
    path = lock.path
    lock.release()
    getattr(path, link)(victim)

    why = r"lock' cannot be written, because it is a link or not a regular file\. "
    with pytest.raises(StudyStorageError, match=why):
        StudyLock(database, "mine")

    assert victim.read_text() == "dear reader"


def test_a_link_to_nothing_and_a_folder_are_no_lock_files_either(database, tmp_path):
    lock = StudyLock(database, "mine")
    path = lock.path
    lock.release()

    path.symlink_to(tmp_path / "nothing")
    with pytest.raises(StudyStorageError):
        StudyLock(database, "mine")
    path.unlink()
    path.mkdir()
    with pytest.raises(StudyStorageError):
        StudyLock(database, "mine")

    assert not (tmp_path / "nothing").exists()
