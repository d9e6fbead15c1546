"""Boosters race with the best score on each fold's curve, and refined candidates are not stopped."""

import optuna

from sklearn_autotune.boosting._booster_racing import BoosterRacingRule, select_best_scores
from sklearn_autotune.boosting._learning_rate_refinement import SEARCH_LEARNING_RATE, is_refined
from sklearn_autotune.evaluation import FoldScore, NoPruningState, Outcome, Rung
from sklearn_autotune.pruning import FoldRacing, FoldRacingTracker
from sklearn_autotune.pruning._fold_racing import FoldRacingState

RATES = {"learning_rate": optuna.distributions.FloatDistribution(0, 1)}
CURVES = [((0.9, 0.7), (0.8, 0.75)), ((0.85, 0.8), (0.7, 0.82)), ((0.6, 0.7), (0.72, 0.65)), ((0.5, 0.4), (0.6, 0.3))]


def boosted(*rungs):
    """A complete candidate, by its scores on each fold at each point of its curve."""
    curve = tuple(Rung(10 * (point + 1), scores) for point, scores in enumerate(rungs))
    return Outcome("complete", tuple(FoldScore(score, None, 0.0, 0.0) for score in rungs[-1]), curve=curve)


def ask(study, learning_rate):
    study.enqueue_trial({"learning_rate": learning_rate})
    return study.ask(RATES)


def test_each_fold_counts_with_the_best_score_on_its_curve():
    assert select_best_scores(boosted((0.5, 0.9), (0.7, 0.8), (0.6, 0.7)), None) == [0.7, 0.9]


def test_of_several_scores_the_named_one_counts():
    outcome = boosted(({"a": 1.0, "b": 0.2}, {"a": 1.0, "b": 0.4}), ({"a": 0.0, "b": 0.3}, {"a": 0.0, "b": 0.1}))

    assert select_best_scores(outcome, "b") == [0.3, 0.4]


def test_complete_candidates_are_compared_by_their_best_scores():
    study = optuna.create_study()
    tracker = BoosterRacingRule(FoldRacing()).start(study, None)
    by_final_scores = FoldRacingTracker(FoldRacing())
    for curve in CURVES:
        tracker.add_outcome(boosted(*curve))
        by_final_scores.add_outcome(boosted(*curve))
    expected = FoldRacingTracker(FoldRacing())
    for curve in CURVES:
        expected.add_outcome(boosted([max(scores) for scores in zip(*curve, strict=True)]))
    trial = study.ask()

    assert tracker.make_pruner_state(trial) == expected.make_pruner_state(trial)
    assert tracker.make_pruner_state(trial) != by_final_scores.make_pruner_state(trial)


def test_refined_candidates_run_in_full():
    study = optuna.create_study()
    tracker = BoosterRacingRule(FoldRacing(), is_refined).start(study, None)
    for curve in CURVES:
        tracker.add_outcome(boosted(*curve))

    assert isinstance(tracker.make_pruner_state(ask(study, SEARCH_LEARNING_RATE)), FoldRacingState)
    assert tracker.make_pruner_state(ask(study, SEARCH_LEARNING_RATE / 4)) == NoPruningState()
    assert not tracker.reports_values


def test_only_the_first_refined_candidates_run_in_full_where_their_number_is_limited():
    study = optuna.create_study()
    tracker = BoosterRacingRule(FoldRacing(), is_refined, max_exempt=2).start(study, None)
    for curve in CURVES:
        tracker.add_outcome(boosted(*curve))

    rates = [SEARCH_LEARNING_RATE, *[SEARCH_LEARNING_RATE / 4] * 3]
    states = [tracker.make_pruner_state(ask(study, rate)) for rate in rates]

    assert [state == NoPruningState() for state in states] == [False, True, True, False]
