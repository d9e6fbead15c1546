"""A candidate that is split into parts and joined again is pruned in the same way as one that was not split."""

import itertools
import pickle
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation import (
    FoldScore,
    NoPruningState,
    Outcome,
    Progress,
    SubsampleScore,
    WorkItem,
    measure,
)
from sklearn_autotune.evaluation._work import RemotePrunerState, join_outcomes
from sklearn_autotune.pruning._fold_racing import FoldRacingState


class Given:
    """An evaluation whose scores are given; None is a fold that fails."""

    def __init__(self, scores, subsample_scores=()):
        self.folds = tuple(map(make_fold_score, scores))
        self.subsamples = tuple(SubsampleScore(9, make_fold_score(score)) for score in subsample_scores)

    @property
    def n_folds(self):
        return len(self.folds)

    def measure_steps(self, work):
        numbers = work.fold_numbers or (*work.subsample_numbers, *range(self.n_folds))
        subsamples, folds = (), ()
        for step, number in enumerate(numbers):
            subsamples += self.subsamples[number : number + 1 or None] if number < 0 else ()
            folds += self.folds[number : number + 1] if number >= 0 else ()
            yield Progress(step, len(numbers), folds, subsamples=subsamples)


def make_fold_score(score):
    error = "Traceback" if score is None else None
    return FoldScore(float("nan") if score is None else score, None, 0.0, 0.0, error)


@dataclass(frozen=True)
class AllScoresAtLeast:
    """Stops a candidate after the first subsample or fold with a lower score."""

    score: float
    is_picklable: bool = True

    def allows(self, progress):
        measured = [each.score for each in progress.subsamples] + list(progress.folds)
        return all(each.test != each.test or each.test >= self.score for each in measured)


def work(pruner_state=None, number=0):
    return WorkItem(number, 0, 1, {}, pruner_state or NoPruningState())


scores = st.lists(st.one_of(st.floats(0, 1), st.none()), min_size=2, max_size=7)


states = st.one_of(
    st.just(NoPruningState()),
    st.builds(AllScoresAtLeast, st.floats(0, 1)),
    st.builds(FoldRacingState, st.lists(st.floats(0, 1), min_size=6, max_size=6).map(tuple)),
)
subsample_scores = st.lists(st.floats(0, 1), max_size=2)


def number_subsamples(scores):
    return tuple(range(-len(scores), 0))


@given(scores, subsample_scores, states, st.integers(2, 9))
def test_parts_put_together_give_what_the_whole_gives(scores, subsample_scores, state, n_parts):
    evaluation = Given(scores, subsample_scores)
    whole = replace(work(state), subsample_numbers=number_subsamples(subsample_scores))
    parts = whole.split(evaluation.n_folds, n_parts)

    joined = join_outcomes(whole, [measure(evaluation, part) for part in parts])

    n_steps = len(scores) + len(subsample_scores)
    assert len(parts) == (min(n_parts, n_steps) if state == NoPruningState() else n_steps)
    assert repr(joined) == repr(measure(evaluation, whole))


@given(scores, subsample_scores, states, st.randoms())
def test_parts_may_arrive_in_any_order_and_the_first_ones_may_decide_without_the_others(
    scores, subsample_scores, state, random
):
    evaluation = Given(scores, subsample_scores)
    whole = replace(work(state), subsample_numbers=number_subsamples(subsample_scores))
    parts = whole.split(evaluation.n_folds, len(scores) + len(subsample_scores))
    expected = measure(evaluation, whole)

    arrived = [None] * len(parts)
    for index in random.sample(range(len(parts)), len(parts)):
        arrived[index] = measure(evaluation, parts[index])
        known = join_outcomes(whole, arrived)
        n_first = len(list(itertools.takewhile(lambda part: part is not None, arrived)))
        assert (known is not None) == (n_first >= len(expected.folds) + len(expected.subsamples))
        if known is not None:
            assert repr(known) == repr(expected)


def test_without_a_pruner_state_only_the_last_fold_decides():
    evaluation, whole = Given([0.1, 0.2]), replace(work(), pruner_state=None)
    first, last = (measure(evaluation, part) for part in whole.split(2, 1))

    assert join_outcomes(whole, [first, last]) is None
    assert join_outcomes(replace(whole, pruner_state=AllScoresAtLeast(0.5)), [first, last]).status == "pruned"
    assert join_outcomes(replace(whole, pruner_state=NoPruningState()), [first, last]).status == "complete"
    assert join_outcomes(whole, [measure(Given([0.1]), whole)]).status == "complete"


def test_a_part_that_was_lost_decides_only_if_earlier_folds_have_not():
    whole = work(FoldRacingState((0.5, 0.5)))
    dead = Outcome("failed", (), "The worker process died")
    fold = FoldScore(0.4, None, 0.0, 0.0)

    assert join_outcomes(whole, [Outcome("complete", (fold,)), dead, None]).status == "pruned"
    assert join_outcomes(work(), [Outcome("complete", (fold,)), dead, None]).error == "The worker process died"
    assert join_outcomes(work(), [None, dead]) is None


def test_what_cannot_be_split_is_left_whole():
    assert work().split(5, 1) == [work()]
    assert work(AllScoresAtLeast(0.5)).split(1, 5) == [work(AllScoresAtLeast(0.5))]
    assert work(RemotePrunerState()).split(5, 5) == [work(RemotePrunerState())]
    assert len(work().split(5, 5)) == 5


def test_a_process_with_another_clock_has_as_many_seconds_left(monkeypatch):
    with monkeypatch.context() as here:
        here.setattr(clock, "now", lambda: 1000.0)
        sent = pickle.dumps(WorkItem(0, 0, 1, {}, deadline=1060.0, end_time=1070.0))
    monkeypatch.setattr(clock, "now", lambda: 7.0)

    received = pickle.loads(sent)
    assert (received.deadline, received.end_time) == (67.0, 77.0)
    assert pickle.loads(pickle.dumps(WorkItem(0, 0, 1, {"a": 1}))) == WorkItem(0, 0, 1, {"a": 1})
