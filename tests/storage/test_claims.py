"""Each candidate of a shared study is measured by the process that holds the claim on it."""

from dataclasses import replace

import numpy as np
import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import create_trial

from sklearn_autotune.evaluation import DEFAULT_NUMBER, NoPruningState, WorkItem
from sklearn_autotune.execution._in_process import InProcessExecutor
from sklearn_autotune.storage import _claims
from sklearn_autotune.storage._claims import ClaimingExecutor, ClaimRegistry
from sklearn_autotune.storage._outcomes import OUTCOME_ATTRIBUTE, pack_outcome
from sklearn_autotune.storage._recorder import Recorder
from sklearn_autotune.storage._study import open_study
from tests.toys import CountingClassifier, make_evaluation


@pytest.fixture
def make_executor(tmp_path):
    """Make an executor as another process of the same search would."""
    evaluation = make_evaluation(CountingClassifier(), np.ones((8, 2)), np.arange(8) % 2)
    made = []

    def make():
        storage = JournalStorage(JournalFileBackend(str(tmp_path / "study.log")))
        recorder = Recorder(open_study(storage=storage, study_name="mine", resume=True, fingerprint={}))
        made.append(ClaimingExecutor(InProcessExecutor(evaluation), recorder, recorder.shared_study))
        return made[-1]

    yield make
    for executor in made:
        executor.close()


def work(number):
    return WorkItem(number, number, 9, {"a": number})


def measured(executor):
    return [number for number, _ in executor.wait(0)]


def test_of_several_claims_one_holds(tmp_path):
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "study.log")))
    study = optuna.create_study(study_name="mine", storage=storage)
    several = [ClaimRegistry(study) for _ in range(3)]

    taken = [[claims.acquire(number) for claims in several] for number in range(3)]
    several[0].release([1])
    again = [claims.acquire(1) for claims in reversed(several)]
    for claims in several:
        claims.close()

    assert taken == [[True, False, False]] * 3
    assert again == [True, False, False]


def test_a_claim_without_a_sign_of_life_is_taken_over(make_executor, monkeypatch, caplog):
    dead, alive = make_executor().claims, make_executor().claims
    assert dead.acquire(0)
    assert not alive.acquire(0)
    monkeypatch.setattr(_claims, "CLAIM_TIMEOUT_SECONDS", 0.0)

    assert alive.acquire(0)
    assert "Trial 0 in the study was claimed by a process that has stopped sending heartbeats" in caplog.text


def test_a_candidate_that_another_process_claims_is_measured_once_that_has_let_it_go(make_executor):
    one, other = make_executor(), make_executor()
    one.submit(work(0))
    other.submit(work(0))
    assert measured(other) == []

    one.close()

    assert measured(other) == [0]


def test_what_another_process_has_measured_is_not_measured_again(make_executor):
    one, other = make_executor(), make_executor()
    one.submit(work(0))
    other.submit(work(0))
    ((number, outcome),) = one.wait(0)
    trial = create_trial(value=0.0, user_attrs={OUTCOME_ATTRIBUTE: pack_outcome(outcome, number)})

    one.recorder.record(number, trial)
    one.wait(0)  # releases the claim

    assert one.claims.own_claims == {}
    assert measured(other) == []
    assert list(other.recorder.read_trials_from_others([0])) == [0]


def test_no_more_candidates_are_claimed_than_there_are_workers(make_executor):
    one, other = make_executor(), make_executor()
    for number in range(2):
        one.submit(work(number))
        other.submit(work(number))

    assert (measured(one), measured(other)) == ([0], [1])


def test_an_earlier_candidate_is_claimed_though_the_workers_are_occupied_by_later_ones(make_executor):
    executor = make_executor()
    executor.submit(replace(work(5), pruner_state=None))  # its state may depend on what the earlier one shows
    executor.submit(work(6))
    executor.submit(work(4))

    assert executor.running == {4, 5}
    assert [number for _ in range(4) for number in measured(executor)] == [4]
    executor.decide(5, NoPruningState())
    assert [number for _ in range(2) for number in measured(executor)] == [5, 6]


def test_candidates_that_are_cancelled_are_not_measured(make_executor):
    executor = make_executor()
    for number in range(3):
        executor.submit(work(number))

    executor.kill([0, 1])

    assert measured(executor) == [2]
    assert measured(executor) == []


def test_one_process_measures_the_default_and_the_others_read_it(make_executor):
    one, other = make_executor(), make_executor()
    for executor in (one, other):
        executor.submit(WorkItem(DEFAULT_NUMBER, -1, 0, {}))

    ((number, outcome),) = one.wait(0)
    assert measured(other) == []  # it is claimed
    assert other.recorder.read_default_from_others() is None

    assert number == DEFAULT_NUMBER
    one.recorder.record_default(outcome)
    one.wait(0)  # the claim is released
    assert measured(other) == []  # it is stored
    assert other.recorder.read_default_from_others() == outcome
