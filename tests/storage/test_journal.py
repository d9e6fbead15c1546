"""Several processes may search one journal; nothing is appended to an incomplete one, which would damage it."""

import pytest
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages.journal import BaseJournalBackend, JournalFileBackend
from optuna.study import StudyDirection

from sklearn_autotune.exceptions import StudyStorageError
from sklearn_autotune.storage import choose_backend
from sklearn_autotune.storage._journal import Journal


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.log"


def make_journal(path):
    return JournalStorage(JournalFileBackend(str(path)))


class ListBackend(BaseJournalBackend):
    """Keeps the journal in a list, and in no file."""

    def __init__(self):
        self.logs = []

    def read_logs(self, log_number_from):
        return iter(self.logs[log_number_from:])

    def append_logs(self, logs):
        self.logs.extend(logs)


def test_only_a_journal_that_ends_with_a_whole_line_may_be_opened(path):
    torn = make_journal(path)
    path.write_bytes(b'{"op_code": 0}\n{"op')

    with pytest.raises(StudyStorageError, match="ends in the middle of a line"):
        choose_backend(torn).check(torn)
    path.write_bytes(b"")
    choose_backend(torn).check(torn)
    path.unlink()
    choose_backend(torn).check(torn)


def test_a_journal_with_whole_lines_or_without_a_file_may_be_opened(path):
    whole = make_journal(path)
    whole.create_new_study([StudyDirection.MAXIMIZE], "mine")
    assert path.read_bytes().endswith(b"\n")

    Journal.check(whole)
    Journal.check(JournalStorage(ListBackend()))


def test_a_journal_is_taken_as_it_is_and_two_may_search_one_study(path):
    given = make_journal(path)
    backend = Journal.open(given)

    assert backend.storage is given
    assert backend.is_shared
    assert (backend.lock("mine"), backend.lock("mine")) == (None, None)


def test_a_closed_journal_can_still_be_written_by_the_user(path):
    given = make_journal(path)
    Journal.open(given).close()

    given.create_new_study([StudyDirection.MAXIMIZE], "mine")

    assert [study.study_name for study in make_journal(path).get_all_studies()] == ["mine"]


def test_a_journal_is_named_after_what_writes_it(path):
    assert Journal.open(make_journal(path)).describe() == "JournalFileBackend"
    assert Journal.open(JournalStorage(ListBackend())).describe() == "ListBackend"


def test_what_is_no_journal_is_refused():
    assert not Journal.accepts(InMemoryStorage())
    with pytest.raises(TypeError, match="InMemoryStorage is not a journal"):
        Journal.open(InMemoryStorage())
