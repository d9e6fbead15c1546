"""A candidate that is split into parts and joined again is pruned in the same way as one that was not split."""

import itertools
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation import FoldScore, NoPruningState, Outcome, Progress, WorkItem, average_folds, measure
from sklearn_autotune.evaluation._base import RemotePrunerState, join_outcomes
from sklearn_autotune.execution._slots import SlotExecutor, _get_priority
from sklearn_autotune.pruning._fold_racing import FoldRacingState


class Given:
    """An evaluation whose scores are given; None is a fold that fails."""

    def __init__(self, scores):
        self.folds = tuple(
            FoldScore(float("nan") if score is None else score, None, 0.0, 0.0, "Traceback" if score is None else None)
            for score in scores
        )

    @property
    def n_folds(self):
        return len(self.folds)

    def measure_steps(self, work):
        folds = self.folds if not work.fold_numbers else tuple(self.folds[fold] for fold in work.fold_numbers)
        for step in range(len(folds)):
            yield Progress(step, len(folds), folds[: step + 1])


def work(pruner_state=None, number=0):
    return WorkItem(number, 0, 1, {}, pruner_state or NoPruningState())


scores = st.lists(st.one_of(st.floats(0, 1), st.none()), min_size=2, max_size=7)


@given(scores, st.lists(st.floats(0, 1), min_size=6, max_size=6), st.integers(2, 8), st.booleans())
def test_parts_put_together_give_what_the_whole_gives(scores, min_means, n_parts, is_open):
    evaluation = Given(scores)
    whole = work(NoPruningState() if is_open else FoldRacingState(tuple(min_means)))
    parts = whole.split_folds(evaluation.n_folds, n_parts)

    joined = join_outcomes(whole, [measure(evaluation, part) for part in parts])

    assert len(parts) == min(n_parts, len(scores))
    assert repr(joined) == repr(measure(evaluation, whole))


@given(scores, st.lists(st.floats(0, 1), min_size=6, max_size=6), st.randoms())
def test_parts_may_arrive_in_any_order_and_the_first_folds_may_decide_without_the_others(scores, min_means, random):
    evaluation, whole = Given(scores), work(FoldRacingState(tuple(min_means)))
    parts = whole.split_folds(evaluation.n_folds, evaluation.n_folds)
    expected = measure(evaluation, whole)

    arrived = [None] * len(parts)
    for index in random.sample(range(len(parts)), len(parts)):
        arrived[index] = measure(evaluation, parts[index])
        known = join_outcomes(whole, arrived)
        n_first = len(list(itertools.takewhile(lambda part: part is not None, arrived)))
        assert (known is not None) == (n_first >= len(expected.folds))
        if known is not None:
            assert repr(known) == repr(expected)


def test_a_part_that_was_lost_decides_only_if_earlier_folds_have_not():
    whole = work(FoldRacingState((0.5, 0.5)))
    dead = Outcome("failed", (), "The worker process died")
    fold = FoldScore(0.4, None, 0.0, 0.0)

    assert join_outcomes(whole, [Outcome("complete", (fold,)), dead, None]).status == "pruned"
    assert join_outcomes(work(), [Outcome("complete", (fold,)), dead, None]).error == "The worker process died"
    assert join_outcomes(work(), [None, dead]) is None


@pytest.mark.parametrize("pruner_state", [RemotePrunerState(), NoPruningState()])
def test_what_cannot_be_cut_is_left_whole(pruner_state):
    whole = work(pruner_state)

    assert whole.split_folds(5, 1) == [whole]
    assert whole.split_folds(1, 5) == [whole]
    assert (whole.split_folds(5, 5) == [whole]) is not pruner_state.is_picklable


def test_first_folds_go_before_later_ones_that_may_be_for_nothing():
    race = FoldRacingState((0.5, 0.5))
    waiting = [*work(race, 3).split_folds(3, 3), *work(race, 4).split_folds(3, 3)]

    order = [(part.fold_numbers[0], part.number) for part in sorted(waiting, key=_get_priority)]

    assert order == [(0, 3), (0, 4), (1, 3), (1, 4), (2, 3), (2, 4)]


def test_candidates_that_do_not_race_keep_their_order():
    waiting = [*work(number=3).split_folds(4, 2), *work(number=4).split_folds(4, 2)]

    assert sorted(waiting, key=_get_priority) == waiting


def test_a_candidate_that_is_decided_leaves_the_queue_and_later_parts_of_it_are_ignored():
    slots = SlotExecutor(make_slot=None, n_slots=0, n_folds=3, n_parts=1)
    whole = work(FoldRacingState((0.5, 0.5)))
    slots.submit(whole)
    first, second, _ = slots.queue
    slots.queue.remove(first)

    assert [outcome.status for _, outcome in slots._add_part(first, measure(Given([0.1, 0.2, 0.3]), first))] == [
        "pruned"
    ]
    assert not slots.queue
    assert slots._add_part(second, measure(Given([0.1, 0.2, 0.3]), second)) == []


def test_the_mean_over_the_folds_is_that_of_the_named_score():
    folds = [FoldScore({"a": 1.0, "b": 0.25}, None, 0.0, 0.0), FoldScore({"a": 0.0, "b": 0.75}, None, 0.0, 0.0)]

    assert average_folds(folds, "b") == 0.5
    assert average_folds(folds[:1], None) == 1.0
    assert average_folds(Given([0.25, 0.5]).folds, None) == 0.375


def test_a_process_with_another_clock_has_as_many_seconds_left(monkeypatch):
    with monkeypatch.context() as here:
        here.setattr(clock, "now", lambda: 1000.0)
        sent = pickle.dumps(WorkItem(0, 0, 1, {}, deadline=1060.0))
    monkeypatch.setattr(clock, "now", lambda: 7.0)

    assert pickle.loads(sent).deadline == 67.0
    assert pickle.loads(pickle.dumps(WorkItem(0, 0, 1, {"a": 1}))) == WorkItem(0, 0, 1, {"a": 1})
