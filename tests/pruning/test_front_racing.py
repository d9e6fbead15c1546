"""How often racing by several objectives stops a candidate of the front, and what a state is."""

import pickle

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sklearn_autotune import FoldRacing
from sklearn_autotune.evaluation import FoldScore, NoPruningState, Outcome, Progress
from sklearn_autotune.objectives._front import find_front
from sklearn_autotune.objectives._plan import read_objectives
from sklearn_autotune.pruning._front_racing import FrontRacingRule, FrontRacingState
from tests.faults.nightly import at_night

PLAN = read_objectives(["roc_auc", "bytes"], None, None, True, LogisticRegression())
LIMITED = read_objectives(None, {"recall": (">=", 0.8), "bytes": ("<=", 100)}, "roc_auc", True, LogisticRegression())


def always(folds):
    return True


def start(plan=PLAN, is_feasible=always, **settings):
    return FrontRacingRule(FoldRacing(**settings), plan, is_feasible).start(None, None)


def make_folds(table, names=("roc_auc", "neg_bytes")):
    return tuple(FoldScore(dict(zip(names, map(float, scores), strict=True)), None, 0.0, 0.0) for scores in table)


def stops(state, folds):
    """After how many folds a candidate is stopped; None if it goes on to the last."""
    for k in range(1, len(folds)):
        if not state.allows(Progress(k - 1, len(folds), folds[:k])):
            return k
    return None


def simulate(random, n_candidates, n_folds, noise):
    """Scores and negated bytes of candidates, of which the better ones tend to be larger."""
    quality = random.normal(size=n_candidates)
    size = np.exp(random.normal(size=n_candidates) + 0.5 * quality)
    shift = random.normal(size=(1, n_folds))
    scores = quality[:, None] + shift + noise * random.normal(size=(n_candidates, n_folds))
    sizes = -size[:, None] * np.exp(0.1 * random.normal(size=(n_candidates, n_folds)))
    return np.stack([scores, sizes], axis=-1)


@pytest.mark.parametrize(("error_rate", "noise"), [(0.05, 0.3), pytest.param(0.2, 0.3, marks=at_night), (0.2, 1.0)])
def test_a_candidate_of_the_front_is_stopped_no_more_often_than_stated(error_rate, noise):
    random = np.random.RandomState(0)
    n_lost = n_front = n_stopped = n_others = 0
    for _ in range(300):
        table = simulate(random, 20, 5, noise)
        tracker = start(error_rate=error_rate)
        for scores in table[:-1]:
            tracker.add_outcome(Outcome("complete", make_folds(scores)))
        is_stopped = stops(tracker.make_pruner_state(None), make_folds(table[-1])) is not None
        if find_front(table.mean(axis=1))[-1]:
            n_front, n_lost = n_front + 1, n_lost + is_stopped
        else:
            n_others, n_stopped = n_others + 1, n_stopped + is_stopped

    assert n_lost / n_front <= error_rate + 2 * np.sqrt(error_rate / n_front)
    assert n_stopped > 0.3 * n_others  # it saves something too


def make_state(plan=PLAN, table=None, is_feasible=always):
    tracker = start(plan, is_feasible)
    names = plan.keys
    for scores in table:
        tracker.add_outcome(Outcome("complete", make_folds(scores, names)))
    return tracker.make_pruner_state(None)


TABLE = [[[0.9 + 0.01 * fold, -200 - fold] for fold in range(4)], [[0.8 + 0.012 * fold, -100] for fold in range(4)]] + [
    [[0.5 + 0.009 * fold + 0.01 * row, -300 - row] for fold in range(4)] for row in range(3)
]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.7, -400], 1),  # worse than both in both
        ([0.7, -50], None),  # the smallest
        ([0.95, -900], None),  # the best
        ([0.84, -150], None),  # between the two
    ],
)
def test_a_candidate_is_stopped_if_another_is_better_in_all(scores, expected):
    state = make_state(table=TABLE)

    assert stops(state, make_folds([scores] * 4)) == expected


def test_a_candidate_that_breaks_a_limit_is_stopped_once_another_meets_all():
    table = [[[0.9 + 0.01 * fold, 0.9 + 0.01 * fold, -50] for fold in range(4)]] + [
        [[0.7 + 0.01 * fold + 0.02 * row, 0.7 - 0.01 * fold, -60 - row] for fold in range(4)] for row in range(4)
    ]
    feasible = make_state(LIMITED, table, lambda folds: folds[0].test["recall"] > 0.8)
    nobody = make_state(LIMITED, table, lambda folds: False)
    names = LIMITED.keys

    assert isinstance(feasible, FrontRacingState)
    assert stops(feasible, make_folds([[0.99, 0.2, -50]] * 4, names)) == 1
    assert stops(feasible, make_folds([[0.99, 0.9, -500]] * 4, names)) == 1
    assert stops(feasible, make_folds([[0.99, 0.95, -50]] * 4, names)) is None
    assert isinstance(nobody, NoPruningState)


def test_a_score_may_have_to_be_low():
    plan = read_objectives(None, {"recall": ("<=", 0.5)}, "roc_auc", True, LogisticRegression())
    table = [[[0.9 + 0.01 * fold - 0.1 * row, 0.3 + 0.01 * fold] for fold in range(4)] for row in range(4)]
    state = make_state(plan, table)

    assert stops(state, make_folds([[0.95, 0.9]] * 4, plan.keys)) == 1
    assert stops(state, make_folds([[0.95, 0.4]] * 4, plan.keys)) is None


@pytest.mark.parametrize("n", [0, 2])
def test_few_complete_candidates_stop_none(n):
    assert isinstance(make_state(table=TABLE[:n]), NoPruningState)


def test_a_failed_fold_stops_nothing():
    folds = (FoldScore({"roc_auc": np.nan, "neg_bytes": -9.0}, None, 0.0, 0.0, "an error"),)

    assert make_state(table=TABLE).allows(Progress(0, 4, folds))


def test_a_state_is_pickled():
    state = make_state(table=TABLE)
    copied = pickle.loads(pickle.dumps(state))

    assert stops(copied, make_folds([[0.7, -400]] * 4)) == 1


def test_no_subsample_is_measured():
    assert start().choose_subsamples() == ()
