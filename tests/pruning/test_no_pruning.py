"""Without pruning every candidate is measured in full."""

from dataclasses import replace

import optuna
import pytest

from sklearn_autotune.evaluation import FoldScore, NoPruningState, Outcome, Progress
from sklearn_autotune.pruning import FoldRacing, NoPruningRule
from tests.pruning.test_base import LARGE


def complete(*scores):
    return Outcome("complete", tuple(FoldScore(score, None, 0.0, 0.0) for score in scores))


def test_without_pruning_every_candidate_may_go_on():
    tracker = NoPruningRule().start(optuna.create_study(), None)
    tracker.add_outcome(complete(0.9, 0.9))

    assert tracker.make_pruner_state(optuna.create_study().ask()) == NoPruningState()
    assert not tracker.reports_values


def test_a_candidate_that_is_far_behind_goes_on():
    study = optuna.create_study()
    tracker = NoPruningRule().start(study, None)
    tracker.add_outcome(complete(0.9, 0.9, 0.9))

    state = tracker.make_pruner_state(study.ask())

    assert state.allows(Progress(0, 3, complete(-1e9).folds))


@pytest.mark.parametrize("pruner", [None, "auto", FoldRacing(), optuna.pruners.MedianPruner()])
def test_it_is_the_rule_for_whatever_no_other_rule_accepts(pruner):
    assert NoPruningRule.accept(replace(LARGE, pruner=pruner)) == NoPruningRule()
