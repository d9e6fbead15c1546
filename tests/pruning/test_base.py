"""When users expect every candidate's score, and the outcome of stored candidates under a rule."""

from dataclasses import replace

import pytest

from sklearn_autotune.evaluation import FoldScore, Outcome, Rung, average_folds
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.pruning import PruningRequest
from sklearn_autotune.pruning._base import MAX_TRIALS_WITHOUT_PRUNING, replay_folds, replay_rungs

LARGE = PruningRequest(
    pruner="auto",
    resource=None,
    factor=3,
    n_trials=MAX_TRIALS_WITHOUT_PRUNING + 1,
    is_full_grid=False,
    one_score_decides=True,
    tolerance=None,
)


@pytest.mark.parametrize(
    ("changes", "wants_every_score"),
    [
        ({}, False),
        ({"n_trials": MAX_TRIALS_WITHOUT_PRUNING}, True),
        ({"is_full_grid": True}, True),
        ({"one_score_decides": False}, True),
        ({"resource": "n_samples", "pruner": None}, False),
    ],
    ids=["a large search", "a small one", "a full grid", "a callable refit", "other settings"],
)
def test_small_searches_full_grids_and_callables_want_every_score(changes, wants_every_score):
    assert replace(LARGE, **changes).wants_every_score == wants_every_score


class Below:
    """Stops where the mean of the folds, or of the last rung, is below a limit; notes how far it was asked."""

    is_picklable = True

    def __init__(self, limit):
        self.limit = limit
        self.steps = []

    def allows(self, progress):
        self.steps.append(progress.step)
        return average_folds(progress.folds, None) >= self.limit


def fold_scores(*scores):
    return tuple(FoldScore(score, None, 0.0, 0.0) for score in scores)


CURVE = (Rung(1, (0.2, 0.4)), Rung(3, (0.6, 0.6)), Rung(9, (0.8, 1.0)))


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(0.0, ("complete", 3)), (0.45, ("pruned", 1)), (0.55, ("pruned", 1))],
)
def test_a_rule_cuts_a_stored_candidate_at_the_fold_where_it_stops_it(limit, expected):
    replayed = replay_folds(Outcome(Status.COMPLETE, fold_scores(0.4, 0.6, 0.1)), Below(limit))

    assert (replayed.status, len(replayed.folds)) == expected


def test_nobody_is_stopped_after_the_last_step():
    state = Below(0.3)
    outcome = Outcome(Status.COMPLETE, fold_scores(0.4, 0.1))

    assert replay_folds(outcome, state) is outcome
    assert state.steps == [0]


def test_a_stored_candidate_that_is_stopped_where_it_was_stopped_stays_as_it_is():
    outcome = Outcome(Status.PRUNED, fold_scores(0.6, 0.1))

    assert replay_folds(outcome, Below(0.5)) is outcome


def test_a_stored_candidate_that_is_not_stopped_where_it_was_stopped_has_to_be_measured():
    assert replay_folds(Outcome(Status.PRUNED, fold_scores(0.6, 0.5)), Below(0.5)) is None
    assert replay_rungs(Outcome(Status.PRUNED, fold_scores(0.6, 0.6), None, CURVE[:2]), Below(0.3)) is None


def test_a_rule_decides_by_the_mean_of_each_step_where_later_folds_have_changed_the_scores_of_earlier_ones():
    complete = Outcome(Status.COMPLETE, fold_scores(0.4, 0.4, 0.4), step_means=(0.6, 0.5))
    failed = replace(complete, status=Status.FAILED)
    pruned = Outcome(Status.PRUNED, fold_scores(0.3, 0.4), step_means=(0.5,))

    for outcome in (complete, failed, pruned):
        assert replay_folds(outcome, Below(0.45)) is outcome
    assert replay_folds(complete, Below(0.55)) is None  # stopped sooner: the scores at that step are not stored
    assert replay_folds(pruned, Below(0.55)) is None
    assert replay_folds(pruned, Below(0.3)) is None  # not stopped where it was stopped


def test_a_rule_cuts_a_stored_candidate_at_the_rung_where_it_stops_it():
    outcome = Outcome(Status.COMPLETE, fold_scores(0.8, 1.0), None, CURVE)

    replayed = replay_rungs(outcome, Below(0.5))

    assert (replayed.status, replayed.curve) == ("pruned", CURVE[:1])
    assert [fold.test for fold in replayed.folds] == [0.2, 0.4]
    assert replay_rungs(outcome, Below(0.1)) is outcome


def test_folds_that_were_measured_all_at_once_say_nothing_of_earlier_steps():
    outcome = Outcome(Status.COMPLETE, fold_scores(0.1, 0.1), None, CURVE)

    assert replay_folds(outcome, Below(0.5)) is outcome


def test_a_candidate_that_failed_before_its_first_fold_stays_as_it_is():
    outcome = Outcome(Status.FAILED, (), "the worker died")

    assert replay_folds(outcome, Below(0.5)) is outcome
    assert replay_rungs(outcome, Below(0.5)) is outcome
