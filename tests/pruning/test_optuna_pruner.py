"""Optuna's pruners decide by the trials that had been told when the candidate was asked."""

from dataclasses import replace

import numpy as np
import optuna
import pytest
from optuna.pruners import MedianPruner, NopPruner, SuccessiveHalvingPruner

from sklearn_autotune.evaluation import FoldScore, Outcome, Progress, Rung
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.pruning import FoldRacing, OptunaPrunerRule
from tests.pruning.test_base import LARGE


class PruneAll(optuna.pruners.BasePruner):
    """Prunes every candidate, and remembers how many it has been asked about."""

    n_asked = 0

    def prune(self, study, trial):
        self.n_asked += 1
        return True


@pytest.fixture
def study():
    return optuna.create_study(direction="maximize", pruner=MedianPruner(n_startup_trials=1, n_warmup_steps=0))


def progress(*scores, curve=()):
    return Progress(len(scores) - 1, 5, tuple(FoldScore(score, None, 0.0, 0.0) for score in scores), curve)


def make_state(study, metric=None):
    trial = study.ask()
    return OptunaPrunerRule().start(study, metric).make_pruner_state(trial), trial


def tell(study, state, trial, *scores):
    """Measure a candidate to its end."""
    for n_folds in range(1, len(scores) + 1):
        state.allows(progress(*scores[:n_folds]))
    study.tell(trial, float(np.mean(scores)))


@pytest.mark.parametrize(
    ("pruner", "expected"),
    [(MedianPruner(), OptunaPrunerRule()), (NopPruner(), None), ("auto", None), (FoldRacing(), None), (None, None)],
)
def test_the_rule_accepts_optunas_pruners_that_can_stop_a_candidate(pruner, expected):
    assert OptunaPrunerRule.accept(replace(LARGE, pruner=pruner)) == expected


def test_a_candidate_below_the_median_is_stopped_and_one_above_goes_on(study):
    tell(study, *make_state(study), 0.5, 0.7)

    below, above = make_state(study)[0], make_state(study)[0]

    assert not below.allows(progress(0.4))
    assert above.allows(progress(0.6))


def test_the_mean_of_the_folds_so_far_is_reported(study):
    state, trial = make_state(study)
    for folds in ((0.5,), (0.5, 0.75), (0.5, 0.75, 1.0)):
        state.allows(progress(*folds))

    assert study.trials[trial.number].intermediate_values == {0: 0.5, 1: 0.625, 2: 0.75}


def test_at_a_rung_the_amount_of_the_resource_is_reported(study):
    state, trial = make_state(study)
    state.allows(progress(0.5, 1.0, curve=(Rung(30, (0.5, 1.0)),)))

    assert study.trials[trial.number].intermediate_values == {30: 0.75}


def test_of_several_scores_the_one_that_decides_is_reported(study):
    state, trial = make_state(study, metric="b")
    state.allows(progress({"a": 0.25, "b": 0.75}))

    assert study.trials[trial.number].intermediate_values == {0: 0.75}


def test_a_candidate_with_a_failed_fold_goes_on_and_reports_nothing():
    study = optuna.create_study(pruner=PruneAll())
    state, trial = make_state(study)

    assert state.allows(progress(0.5, np.nan))
    assert study.trials[trial.number].intermediate_values == {}
    assert not state.allows(progress(0.5))


def test_trials_that_are_told_later_do_not_count(study):
    first = make_state(study)
    early = make_state(study)[0]
    tell(study, *first, 0.9)
    late = make_state(study)[0]

    assert early.allows(progress(0.1))
    assert not late.allows(progress(0.1))


def test_each_state_has_a_pruner_of_its_own():
    study = optuna.create_study(pruner=PruneAll())

    assert not make_state(study)[0].allows(progress(0.5))
    assert study.pruner.n_asked == 0


def test_states_stay_with_the_study(study):
    assert not make_state(study)[0].is_picklable
    assert OptunaPrunerRule().start(study, None).reports_values


def test_a_stored_trial_leaves_behind_what_it_had_reported_and_which_rungs_it_had_reached():
    study = optuna.create_study(direction="maximize", pruner=SuccessiveHalvingPruner(1, 2))
    tell(study, *make_state(study), 0.5, 0.75, 1.0)
    stored = study.trials[0]
    again = optuna.create_study(direction="maximize", pruner=SuccessiveHalvingPruner(1, 2))
    trial = again.ask()
    tracker = OptunaPrunerRule().start(again, None)
    outcome = Outcome(Status.COMPLETE, progress(0.5, 0.75, 1.0).folds)

    replayed = tracker.replay(trial, stored, outcome, tracker.make_pruner_state(trial), is_anew=False)

    assert replayed is outcome
    assert again.trials[0].intermediate_values == stored.intermediate_values
    assert again.trials[0].system_attrs == stored.system_attrs != {}


def test_in_a_study_that_differs_the_pruner_is_asked_again(study):
    tell(study, *make_state(study), 0.5, 0.7)
    tracker = OptunaPrunerRule().start(study, None)
    stored = optuna.create_study().ask()
    complete, stopped = (Outcome(status, progress(0.4, 0.4).folds) for status in (Status.COMPLETE, Status.PRUNED))
    above = Outcome(Status.PRUNED, progress(0.6, 0.7).folds)

    def replay(outcome):
        trial = study.ask()
        state = tracker.make_pruner_state(trial)
        frozen = study.trials[stored.number]
        return tracker.replay(trial, frozen, outcome, state, is_anew=True), state

    assert [len(replay(outcome)[0].folds) for outcome in (complete, stopped)] == [1, 1]
    replayed, state = replay(above)
    assert replayed is None
    assert state.allows(progress(0.6))  # measured again: what was reported is not reported twice
