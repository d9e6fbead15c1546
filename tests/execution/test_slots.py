"""Slots: where and when each candidate is measured, and the effect of a dead worker, a limit or an exception."""

from concurrent.futures import BrokenExecutor, Future
from dataclasses import dataclass

import pytest

from sklearn_autotune.evaluation import FoldScore, Outcome, Progress, WorkItem
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.execution import TrialLimits
from sklearn_autotune.execution._slots import BusyTimer, SlotExecutor


class HandSlot:
    """A slot whose work is done when a test says so."""

    def __init__(self):
        self.clock = BusyTimer()
        self.clock.mark_ready()
        self.work = None
        self.future = None
        self.n_steps = 0
        self.is_dead = False  # without anybody having been told
        self.is_killed = self.is_released = False

    def start(self, work):
        if self.is_dead:
            raise BrokenExecutor("the toy worker is gone")
        self.work, self.n_steps = work, 0
        return self.advance()

    def advance(self):
        self.n_steps += 1
        self.future = Future()
        return self.future

    def release(self):
        self.is_released = True

    def kill(self):
        self.is_killed = True


@dataclass(frozen=True)
class UpTo:
    """Lets a candidate go on up to a number of steps."""

    n_steps: int
    is_picklable: bool = True

    def allows(self, progress):
        return progress.step + 1 < self.n_steps


class Place:
    """An executor and the slots that it has made."""

    def __init__(self, n_slots=1, **settings):
        self.slots = []
        self.has_room = True
        self.executor = SlotExecutor(self.make_slot, n_slots, **settings)

    def make_slot(self):
        if not self.has_room:
            return None
        self.slots.append(HandSlot())
        return self.slots[-1]

    def submit(self, *numbers, **changes):
        for number in numbers:
            self.executor.submit(WorkItem(number, number, 9, {}, **changes))

    def wait(self):
        return self.executor.wait(0)

    @property
    def begun(self):
        """What each slot was given last."""
        return [slot.work.number for slot in self.slots]


def complete(*scores):
    return Outcome(Status.COMPLETE, tuple(FoldScore(score, None, 1.0, 0.5) for score in scores))


def progress(*scores, n_steps=3):
    return Progress(len(scores) - 1, n_steps, complete(*scores).folds)


# -- the queue -------------------------------------------------------------------------------------------------------


def test_as_many_candidates_are_begun_as_there_are_slots_and_the_next_when_one_is_free():
    place = Place(2)
    place.submit(0, 1, 2, 3)
    assert place.begun == [0, 1]

    place.slots[1].future.set_result(complete(0.5))

    assert place.wait() == [(1, complete(0.5))]
    assert place.begun == [0, 2]


def test_what_arrives_together_is_returned_in_the_order_of_the_candidates():
    place = Place(3)
    place.submit(0, 1, 2)
    for slot in reversed(place.slots):
        slot.future.set_result(complete(0.5))

    assert [number for number, _ in place.wait()] == [0, 1, 2]


def test_a_candidate_waits_until_a_slot_can_be_had():
    place = Place(1)
    place.has_room = False
    place.submit(0)
    assert place.slots == []

    place.has_room = True

    assert place.wait() == []
    assert place.begun == [0]


def test_killed_candidates_are_dropped_with_their_slots_and_the_others_go_on():
    place = Place(2)
    place.submit(0, 1, 2, 3)

    place.executor.kill([0, 2])

    assert [slot.is_killed for slot in place.slots] == [True, False, False]
    assert place.begun == [0, 1, 3]
    place.slots[0].future.set_result(complete(0.5))
    assert place.wait() == []


def test_closing_releases_idle_slots_and_ends_busy_ones():
    place = Place(2)
    place.submit(0, 1)
    place.slots[0].future.set_result(complete(0.5))
    place.wait()

    place.executor.close()

    assert [(slot.is_released, slot.is_killed) for slot in place.slots] == [(True, False), (False, True)]


# -- parts -----------------------------------------------------------------------------------------------------------


def test_the_parts_of_a_candidate_are_joined_in_the_order_of_its_folds():
    place = Place(2, n_folds=4, n_parts=2)
    place.submit(0)
    assert [slot.work.fold_numbers for slot in place.slots] == [(0, 1), (2, 3)]

    place.slots[1].future.set_result(complete(0.3, 0.4))
    assert place.wait() == []
    place.slots[0].future.set_result(complete(0.1, 0.2))

    assert place.wait() == [(0, complete(0.1, 0.2, 0.3, 0.4))]


def test_the_first_fold_can_make_the_others_needless():
    place = Place(2, n_folds=3)
    place.submit(0, pruner_state=UpTo(1))
    place.slots[0].future.set_result(complete(0.1))

    ((number, outcome),) = place.wait()
    place.slots[1].future.set_result(complete(0.2))

    assert (number, outcome.status, outcome.folds) == (0, Status.PRUNED, complete(0.1).folds)
    assert place.wait() == []
    assert not place.executor.has_waiting


def test_first_folds_are_measured_before_folds_that_may_be_needless():
    place = Place(3, n_folds=2)
    place.submit(0, 1, pruner_state=UpTo(9))
    place.submit(2, pruner_state=UpTo(9))

    assert [(slot.work.number, slot.work.fold_numbers) for slot in place.slots] == [(0, (0,)), (0, (1,)), (1, (0,))]
    place.slots[1].future.set_result(complete(0.5))
    assert place.wait() == []
    place.slots[2].future.set_result(complete(0.5))
    place.wait()

    assert [(slot.work.number, slot.work.fold_numbers) for slot in place.slots] == [(0, (0,)), (2, (0,)), (1, (1,))]


def test_a_candidate_that_does_not_race_keeps_its_place_in_the_queue():
    place = Place(1, n_folds=4, n_parts=2)
    place.submit(0, 1)
    begun = []
    for _ in range(4):
        slot = place.slots[0]
        begun.append((slot.work.number, slot.work.fold_numbers))
        slot.future.set_result(complete(0.5, 0.5))
        place.wait()

    assert begun == [(0, (0, 1)), (0, (2, 3)), (1, (0, 1)), (1, (2, 3))]


def test_a_fold_that_is_needed_comes_before_the_first_folds_of_later_candidates():
    place = Place(1, n_folds=2)
    place.submit(0, 1, 2, pruner_state=UpTo(9))
    begun = [(0, (0,))]
    for _ in range(3):
        slot = place.slots[0]
        slot.future.set_result(complete(0.5))
        place.wait()
        begun.append((slot.work.number, slot.work.fold_numbers))

    assert begun == [(0, (0,)), (0, (1,)), (1, (0,)), (1, (1,))]


# -- candidates whose pruner state comes later -----------------------------------------------------------------------


def test_a_state_that_comes_later_decides_about_what_has_been_measured():
    place = Place(2, n_folds=2)
    place.submit(0, pruner_state=None)
    for slot in place.slots:
        slot.future.set_result(complete(0.25))
    assert place.wait() == []

    place.executor.decide(0, UpTo(1))

    ((number, outcome),) = place.wait()
    assert (number, outcome.status, outcome.folds) == (0, Status.PRUNED, complete(0.25).folds)


def test_a_state_that_comes_before_the_folds_decides_as_if_it_had_always_been_known():
    place = Place(1, n_folds=2)
    place.submit(0, pruner_state=None)
    place.executor.decide(0, UpTo(1))
    place.slots[0].future.set_result(complete(0.25))

    assert [(number, outcome.status) for number, outcome in place.wait()] == [(0, Status.PRUNED)]
    place.executor.decide(0, UpTo(1))  # it has been returned already
    assert place.wait() == []


def test_folds_are_doubtful_as_long_as_the_state_is_not_known():
    place = Place(1, n_folds=2)
    place.submit(0, pruner_state=UpTo(9))
    place.submit(1, 2, pruner_state=None)
    begun = []
    for _ in range(6):
        slot = place.slots[0]
        begun.append((slot.work.number, slot.work.fold_numbers[0]))
        slot.future.set_result(complete(0.5))
        place.wait()

    assert begun == [(0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (2, 1)]


# -- the rest of a candidate in one slot -----------------------------------------------------------------------------


def test_one_of_few_slots_measures_all_that_is_left_of_a_candidate_whose_state_is_known():
    place = Place(1, n_folds=3, takes_rest=True)
    place.submit(0, pruner_state=None)
    assert place.slots[0].work.fold_numbers == (0,)
    place.slots[0].future.set_result(complete(0.1))
    place.executor.decide(0, UpTo(9))
    assert place.wait() == []

    rest = place.slots[0].work
    assert (rest.fold_numbers, rest.measured.folds, rest.pruner_state) == ((1, 2), complete(0.1).folds, UpTo(9))
    place.slots[0].future.set_result(complete(0.1, 0.2, 0.3))

    assert place.wait() == [(0, complete(0.1, 0.2, 0.3))]
    assert not place.executor.has_waiting


def test_a_candidate_whose_state_is_known_is_measured_as_a_whole_by_one_of_few_slots():
    place = Place(2, n_folds=3, takes_rest=True)
    place.submit(0, 1, pruner_state=UpTo(9))

    assert [(slot.work.number, slot.work.fold_numbers) for slot in place.slots] == [(0, (0, 1, 2)), (1, (0, 1, 2))]


def test_a_rest_that_a_dead_worker_did_not_take_is_given_to_another():
    place = Place(1, n_folds=3, takes_rest=True)
    place.submit(0)
    place.slots[0].future.set_result(complete(0.5, 0.5, 0.5))
    place.wait()
    place.slots[0].is_dead = True

    place.submit(1, pruner_state=UpTo(9))

    assert len(place.slots) == 2
    assert (place.slots[1].work.number, place.slots[1].work.fold_numbers) == (1, (0, 1, 2))


def test_an_outcome_that_was_decided_is_not_returned_after_its_candidate_was_killed():
    place = Place(1, n_folds=1)
    place.submit(0, pruner_state=UpTo(9))
    place.executor.decided = [(0, complete(0.5))]

    place.executor.kill([0])

    assert place.wait() == []


# -- pruning by the search -------------------------------------------------------------------------------------------


def test_a_state_that_stays_with_the_study_is_asked_after_each_step():
    place = Place(1, n_folds=3)
    place.submit(0, pruner_state=UpTo(2, is_picklable=False))
    slot = place.slots[0]
    assert not slot.work.pruner_state.is_picklable

    slot.future.set_result(progress(0.1))
    assert place.wait() == []
    assert slot.n_steps == 2
    slot.future.set_result(progress(0.1, 0.2))

    assert place.wait() == [(0, Outcome(Status.PRUNED, complete(0.1, 0.2).folds))]
    assert slot.n_steps == 2


# -- deaths, limits and exceptions -----------------------------------------------------------------------------------


def test_a_death_costs_one_candidate_and_its_slot_is_replaced():
    place = Place(1)
    place.submit(0, 1)
    place.slots[0].future.set_exception(BrokenExecutor("The exit codes of the workers are {SIGKILL(-9)}"))

    ((number, outcome),) = place.wait()

    assert (number, outcome.status, outcome.exit_status) == (0, Status.FAILED, "SIGKILL(-9)")
    assert outcome.error.startswith("The worker process died: ")
    assert place.slots[0].is_killed
    assert place.begun == [0, 1]


def test_a_slot_that_died_while_it_was_idle_costs_nothing():
    place = Place(1)
    place.submit(0)
    place.slots[0].future.set_result(complete(0.5))
    place.wait()
    place.slots[0].is_dead = True

    place.submit(1)

    assert place.slots[0].is_killed
    place.slots[1].future.set_result(complete(0.5))
    assert place.wait() == [(1, complete(0.5))]


def test_a_candidate_that_has_had_its_time_fails_and_its_slot_is_replaced():
    place = Place(1, limits=TrialLimits(seconds=0.0))
    place.submit(0, 1)

    ((number, outcome),) = place.wait()

    assert (number, outcome.status) == (0, Status.FAILED)
    assert "took longer than trial_timeout=0 s" in outcome.error
    assert place.slots[0].is_killed
    assert place.begun == [0, 1]


def test_an_exception_comes_with_the_outcome_and_the_slot_goes_on():
    place, error = Place(1), ZeroDivisionError("on purpose")
    place.submit(0, 1)
    place.slots[0].future.set_exception(error)

    ((_, outcome),) = place.wait()

    assert (outcome.status, outcome.error, outcome.exception) == (Status.FAILED, "on purpose", error)
    assert not place.slots[0].is_killed
    assert place.begun == [1]


@pytest.mark.parametrize("n_bytes", [None, 1000])
def test_too_little_memory_is_the_candidates_failure_only_under_a_limit(n_bytes):
    place, error = Place(1, limits=TrialLimits(n_bytes=n_bytes)), MemoryError("too much")
    place.submit(0)
    place.slots[0].future.set_exception(error)

    ((_, outcome),) = place.wait()

    assert outcome.status == Status.FAILED
    if n_bytes is None:
        assert outcome.exception is error
    else:
        assert outcome.exception is None
        assert outcome.error == "MemoryError under memory_limit=1000: too much"


# -- the timer -------------------------------------------------------------------------------------------------------


def test_the_start_of_a_worker_takes_none_of_the_candidates_time():
    timer = BusyTimer()

    timer.start(Future(), is_new_candidate=True)

    assert timer.seconds == 0.0


def test_time_stands_still_while_a_worker_is_idle_and_starts_anew_with_another_candidate():
    timer, future = BusyTimer(), Future()
    timer.previous_seconds = 5.0
    timer.mark_ready()
    timer.start(future, is_new_candidate=False)
    future.set_result(None)
    assert timer.seconds == timer.seconds >= 5.0

    timer.start(Future(), is_new_candidate=True)

    assert timer.previous_seconds == 0.0
