"""The recorder writes trials in the order of their numbers, each of them once, and reads them again."""

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import create_trial

from sklearn_autotune.evaluation import FoldScore, Outcome
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.exceptions import StudyStorageError
from sklearn_autotune.storage import _recorder
from sklearn_autotune.storage._outcomes import DEFAULT_ATTRIBUTE, OUTCOME_ATTRIBUTE, get_trial_number, pack_outcome
from sklearn_autotune.storage._recorder import Recorder
from sklearn_autotune.storage._study import open_study


def make_recorder(storage, seed=0):
    """A recorder of the study "mine", which is resumed if it is there."""
    return Recorder(open_study(storage=storage, study_name="mine", resume=True, fingerprint={}, seed=seed))


def make_trial(number):
    return create_trial(value=0.5, user_attrs={OUTCOME_ATTRIBUTE: pack_outcome(Outcome("complete"), number)})


def stored_numbers(storage):
    trials = optuna.load_study(study_name="mine", storage=storage).trials
    return [get_trial_number(trial) for trial in trials]


@pytest.fixture
def storage():
    return InMemoryStorage()


# -- writing ---------------------------------------------------------------------------------------------------------


def test_trials_are_written_in_the_order_of_their_numbers(storage):
    recorder, written = make_recorder(storage), []

    for number in (2, 0, 1):
        recorder.record(number, make_trial(number))
        written.append(stored_numbers(storage))

    assert written == [[], [0], [0, 1, 2]]
    assert recorder.finished_numbers == {0, 1, 2}


def test_a_trial_that_is_not_stored_holds_up_none_after_it(storage):
    recorder = make_recorder(storage)
    recorder.record(1, make_trial(1))

    recorder.record(0, None)

    assert stored_numbers(storage) == [1]


def test_closing_writes_what_is_still_pending(storage):
    recorder = make_recorder(storage)
    for number in (3, 1):
        recorder.record(number, make_trial(number))

    recorder.close()

    assert stored_numbers(storage) == [1, 3]


def test_a_replay_begins_at_the_first_number_again(storage):
    recorder = make_recorder(storage)
    recorder.record(0, None)
    recorder.record(2, make_trial(2))

    recorder.restart()
    recorder.record(0, make_trial(0))
    recorder.record(1, make_trial(1))

    assert stored_numbers(storage) == [0, 1]


def test_attributes_that_have_changed_are_written(storage):
    recorder = make_recorder(storage)

    recorder.record_attributes({"mine": 1})
    recorder.record_attributes({"mine": 2})

    assert optuna.load_study(study_name="mine", storage=storage).user_attrs["mine"] == 2


def test_without_a_storage_there_is_nothing_to_write_or_read():
    recorder = Recorder(study_name="mine")
    recorder.record(0, make_trial(0))
    recorder.record_attributes({"mine": 1})
    recorder.close()

    assert recorder.read() == []
    assert recorder.read_trials_from_others([0]) == {}
    assert recorder.shared_study is None
    assert recorder.make_study().study_name == "mine"
    assert recorder.choose_seed(7) == recorder.choose_seed(7)


# -- a storage that fails --------------------------------------------------------------------------------------------


class FailingStorage(InMemoryStorage):
    """Fails so many times to write a trial; it may have written it all the same."""

    def __init__(self, n_failures, writes_all_the_same=False):
        super().__init__()
        self.n_failures = n_failures
        self.writes_all_the_same = writes_all_the_same

    def create_new_trial(self, study_id, template_trial=None):
        if self.n_failures == 0:
            return super().create_new_trial(study_id, template_trial)
        self.n_failures -= 1
        if self.writes_all_the_same:
            super().create_new_trial(study_id, template_trial)
        raise OSError("the toy storage fails")


@pytest.fixture
def no_pause(monkeypatch):
    monkeypatch.setattr(_recorder, "FIRST_RETRY_DELAY", 0.001)


@pytest.mark.usefixtures("no_pause")
@pytest.mark.parametrize("writes_all_the_same", [False, True])
def test_a_storage_that_fails_for_a_moment_gets_each_trial_once(writes_all_the_same):
    storage = FailingStorage(1, writes_all_the_same)
    recorder = make_recorder(storage)

    for number in range(3):
        recorder.record(number, make_trial(number))

    assert storage.n_failures == 0
    assert stored_numbers(storage) == [0, 1, 2]


def test_a_storage_that_does_not_come_back_is_an_error_with_its_name_and_cause(monkeypatch):
    monkeypatch.setattr(_recorder, "RETRY_SECONDS", 0.0)
    storage = FailingStorage(1)
    recorder = make_recorder(storage)

    with pytest.raises(StudyStorageError, match=r"written to 'FailingStorage'.*: the toy storage fails\. "):
        recorder.record(0, make_trial(0))
    recorder.record(1, make_trial(1))  # nothing more is tried
    recorder.close()

    assert stored_numbers(storage) == []


@pytest.mark.usefixtures("no_pause")
def test_what_has_succeeded_after_all_is_not_done_again():
    calls = []

    def fail():
        calls.append(True)
        raise OSError("no answer")

    assert Recorder().run_with_retries(fail, lambda: True) is None
    assert calls == [True]


@pytest.mark.parametrize("value", [{1, 2}, object()], ids=["set", "object"])
def test_a_value_that_the_storage_refuses_is_an_error_at_once(tmp_path, value, caplog):
    recorder = make_recorder(tmp_path / "study.db")

    with pytest.raises(
        StudyStorageError, match=r"'sqlite:.*study\.db' refuses the value to be written: TypeError: .*JSON"
    ):
        recorder.record_attributes({"mine": value})
    recorder.close()

    assert "Trying again" not in caplog.text


def test_a_trial_that_the_storage_refuses_is_an_error_at_once(storage, caplog):
    recorder = make_recorder(storage)
    trial = make_trial(0)
    trial.params, trial.distributions = {"a": 0.4}, {"a": FloatDistribution(0, 0.3)}

    with pytest.raises(StudyStorageError, match="'InMemoryStorage' refuses the value to be written: ValueError"):
        recorder.record(0, trial)

    assert "Trying again" not in caplog.text


# -- reading ---------------------------------------------------------------------------------------------------------


def test_trials_of_another_program_are_not_read(storage):
    recorder = make_recorder(storage)
    recorder.record(0, make_trial(0))
    recorder.study.add_trial(create_trial(value=1.0))

    assert [get_trial_number(trial) for trial in recorder.read()] == [0]


def test_a_resumed_search_without_a_random_state_goes_on_with_the_stored_seed(storage):
    make_recorder(storage, seed=123)
    resumed = make_recorder(storage, seed=456)

    assert resumed.choose_seed(None) == 123
    assert resumed.choose_seed(7) == Recorder().choose_seed(7) != 123


def test_the_study_to_work_on_has_the_stored_name_and_attributes_and_no_trials(storage):
    recorder = make_recorder(storage)
    recorder.record(0, make_trial(0))
    pruner = optuna.pruners.MedianPruner()

    study = recorder.make_study(pruner)

    assert study.study_name == "mine"
    assert study.user_attrs == recorder.study.user_attrs
    assert study.trials == []
    assert study.pruner is pruner


def test_what_another_process_has_stored_is_found_if_the_study_is_shared(tmp_path, storage):
    journals = [JournalStorage(JournalFileBackend(str(tmp_path / "study.log"))) for _ in range(2)]
    one, other = (make_recorder(journal) for journal in journals)
    alone = make_recorder(storage)
    for recorder in (one, alone):
        recorder.record(0, make_trial(0))
        recorder.record(1, make_trial(1))

    assert sorted(other.read_trials_from_others([1, 2])) == [1]
    assert alone.read_trials_from_others([1, 2]) == {}


def test_a_trial_that_another_process_has_stored_is_not_stored_again(tmp_path):
    journals = [JournalStorage(JournalFileBackend(str(tmp_path / "study.log"))) for _ in range(2)]
    one, other = (make_recorder(journal) for journal in journals)

    one.record(0, make_trial(0))
    other.record(0, make_trial(0))

    assert stored_numbers(journals[0]) == [0]


def test_stored_trials_of_an_earlier_search_do_not_stand_for_new_ones_of_the_same_number(tmp_path):
    journals = [JournalStorage(JournalFileBackend(str(tmp_path / "study.log"))) for _ in range(2)]
    make_recorder(journals[0]).record(0, make_trial(0))
    recorder = make_recorder(journals[1])

    assert [get_trial_number(trial) for trial in recorder.restart()] == [0]
    assert recorder.read_trials_from_others([0]) == {}
    recorder.record(0, make_trial(0))
    assert stored_numbers(journals[0]) == [0, 0]


def test_the_default_of_a_study_that_is_not_shared_comes_from_no_other_process(tmp_path):
    opened = open_study(storage=tmp_path / "study.db", study_name="mine", resume=False, fingerprint={})
    recorder = Recorder(opened)

    recorder.record_default(Outcome(Status.COMPLETE, (FoldScore(0.5, None, 0.0, 0.0),)))

    assert recorder.read_default_from_others() is None
    assert recorder.attributes[DEFAULT_ATTRIBUTE] == opened.study.user_attrs[DEFAULT_ATTRIBUTE]
    recorder.close()
