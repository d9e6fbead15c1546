"""What the study is told of an outcome."""

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from sklearn.linear_model import LogisticRegression

from sklearn_autotune.evaluation import FoldScore, Outcome
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.objectives._plan import read_objectives
from sklearn_autotune.proposals._teller import MAX_VIOLATION, Aim, Teller
from sklearn_autotune.pruning import NoPruningTracker

SEVERAL = read_objectives(["roc_auc", "bytes"], None, None, True, LogisticRegression())
LIMITED = read_objectives(None, {"bytes": ("<=", 100)}, "roc_auc", True, LogisticRegression())
FOLDS = tuple(FoldScore({"roc_auc": auc, "score": auc, "neg_bytes": -50.0}, None, 0.0, 0.0) for auc in (0.5, 1.0))


def tell(aim, outcome):
    directions = list(aim.directions.values()) or ["maximize"]
    study = optuna.create_study(directions=directions, storage=optuna.storages.InMemoryStorage())
    trial = study.ask({"C": optuna.distributions.FloatDistribution(0, 1)})
    return Teller(study, aim, NoPruningTracker()).tell(trial, outcome)


def test_one_score_is_one_value():
    folds = tuple(FoldScore(score, None, 0.0, 0.0) for score in (0.5, 1.0))

    assert tell(Aim(), Outcome("complete", folds)).values == [0.75]
    assert tell(Aim("roc_auc"), Outcome("complete", FOLDS)).values == [0.75]


def test_costs_are_told_as_they_are_shown():
    aim = Aim("roc_auc", SEVERAL)

    assert aim.directions == {"roc_auc": "maximize", "bytes": "minimize"}
    assert tell(aim, Outcome("complete", FOLDS)).values == [0.75, 50.0]


@pytest.mark.parametrize(("violation", "told"), [(-0.5, -0.5), (0.25, 0.25), (float("inf"), MAX_VIOLATION)])
def test_violations_are_told_as_constraints(violation, told):
    aim = Aim("score", LIMITED, lambda folds: np.array([violation]))
    trial = tell(aim, Outcome("complete", FOLDS))

    assert trial.constraints == {"bytes": told}
    assert aim.is_feasible(FOLDS) == (violation <= 0)
    assert Teller(None, aim, None).list_scores(Outcome("complete", FOLDS)) == ([0.75] if violation <= 0 else None)


def test_violations_that_only_the_sampler_has_to_know_make_no_candidate_infeasible():
    aim = Aim("score", constrain=lambda trial, outcome: {"size": 10 * trial.params["C"] - 11, "far": float("inf")})
    trial = tell(aim, Outcome("complete", FOLDS))

    assert trial.constraints == {"size": 10 * trial.params["C"] - 11, "far": MAX_VIOLATION}
    assert trial.values == [0.75]
    assert Teller(None, aim, None).list_scores(Outcome("complete", FOLDS)) == [0.75]
    assert tell(aim, Outcome(Status.PRUNED, FOLDS[:1])).constraints == {}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (Status.PRUNED, TrialState.PRUNED),
        (Status.FAILED, TrialState.PRUNED),
        (Status.DUPLICATE, TrialState.FAIL),
        (Status.TIMEOUT, TrialState.FAIL),
    ],
)
def test_how_a_candidate_ended_is_told(status, state):
    trial = tell(Aim("roc_auc", SEVERAL), Outcome(status, FOLDS[:1]))

    assert (trial.state, trial.values) == (state, None)


def test_how_far_a_stopped_candidate_came_is_reported_for_one_objective():
    assert tell(Aim("score", LIMITED), Outcome(Status.PRUNED, FOLDS[:1])).intermediate_values == {0: 0.5}
    assert tell(Aim("roc_auc", SEVERAL), Outcome(Status.PRUNED, FOLDS[:1])).intermediate_values == {}


def test_only_a_search_with_costs_shares_no_steps():
    scores = read_objectives(["roc_auc", "recall"], None, None, True, LogisticRegression())

    assert Aim("roc_auc", SEVERAL).has_costs
    assert Aim("score", LIMITED).has_costs
    assert not Aim("roc_auc", scores).has_costs
    assert not Aim().has_costs
