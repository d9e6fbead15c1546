"""Refining the learning rate: the best candidates are measured again with lower learning rates."""

import numpy as np
import optuna
import pytest
from sklearn.datasets import load_iris

from sklearn_autotune import TunedXGBClassifier
from sklearn_autotune._compat import clock
from sklearn_autotune.boosting._learning_rate_refinement import (
    N_REFINED,
    N_REFINED_AT_END,
    REFINED_LEARNING_RATE,
    SEARCH_LEARNING_RATE,
    LearningRateRefinement,
    LowestLearningRateWithinNoise,
)
from sklearn_autotune.evaluation import FoldScore, Outcome
from sklearn_autotune.search._trial_loop import TrialRecord
from tests.toys import statuses, table


def record(number, score, learning_rate=SEARCH_LEARNING_RATE, depth=3, status="complete", seconds=0.0):
    folds = (FoldScore(score, None, seconds, 0.0),)
    return TrialRecord(number, {"learning_rate": learning_rate, "max_depth": depth}, Outcome(status, folds))


def test_the_best_is_tried_at_a_quarter_of_its_learning_rate():
    records = [record(0, 0.5, depth=2), record(1, 0.9, depth=4), record(2, 0.99, depth=5, status="pruned")]

    assert REFINED_LEARNING_RATE == SEARCH_LEARNING_RATE / 4
    assert LearningRateRefinement(30)(records, 29) == {"learning_rate": REFINED_LEARNING_RATE, "max_depth": 4}


def test_what_was_tried_is_not_tried_again_and_the_next_one_is():
    records = [record(0, 0.9), record(1, 0.8, REFINED_LEARNING_RATE), record(2, 0.7, depth=6)]

    assert LearningRateRefinement(30)(records, 29) == {"learning_rate": REFINED_LEARNING_RATE, "max_depth": 6}


def test_a_refined_candidate_is_not_refined_again():
    assert LearningRateRefinement(30)([record(0, 0.9, REFINED_LEARNING_RATE)], 29) is None


def test_most_candidates_are_left_to_the_sampler():
    turns = [index for index in range(100) if LearningRateRefinement(100)([record(0, 0.9)], index) is not None]

    assert turns == [15, 30, 45, 60, 75, *range(85, 100)]


def test_more_of_the_best_candidates_are_refined_at_the_end_than_before():
    records = [record(number, -number, depth=number) for number in range(20)]

    def count_refined(index):
        own = list(records)
        while (refined := LearningRateRefinement(100)(own, index)) is not None:
            own.append(TrialRecord(len(own), refined, own[0].outcome))
        return len(own) - len(records)

    assert (count_refined(15), count_refined(99)) == (N_REFINED, N_REFINED_AT_END)


@pytest.mark.parametrize(("seconds_left", "is_refined"), [(5000, False), (12000, True), (100_000, False)])
def test_the_end_of_the_time_is_kept_for_refinement(seconds_left, is_refined):
    records = [record(0, 0.9, seconds=1000.0)]  # a quarter of the learning rate takes 4,000, and the final fit as much

    refine_learning_rate = LearningRateRefinement(1000, deadline=clock.now() + seconds_left)

    assert (refine_learning_rate(records, 1) is not None) == is_refined


def test_a_search_ends_with_slower_learning_rates():
    X, y = load_iris(return_X_y=True)
    search = TunedXGBClassifier(n_trials=15, cv=3, random_state=0).fit(X, y)

    rates = search.cv_results_["param_learning_rate"]
    assert (rates[:13] == SEARCH_LEARNING_RATE).all()
    assert (rates[13:] == REFINED_LEARNING_RATE).all()
    assert search.trials_["status"][13:].tolist() == ["complete", "complete"]


def results(rates, *folds):
    scores = np.array(folds).T
    columns = {f"split{fold}_test_score": scores[:, fold] for fold in range(scores.shape[1])}
    params = [{"learning_rate": rate} for rate in rates]
    return columns | {"mean_test_score": scores.mean(axis=1), "params": params}


def test_a_slower_candidate_wins_if_the_folds_cannot_tell_it_from_the_best():
    choose = LowestLearningRateWithinNoise()

    assert choose(results([0.2, 0.05, 0.2], [0.9, 0.8, 0.1], [0.8, 0.85, 0.1], [0.9, 0.9, 0.1])) == 1
    assert choose(results([0.2, 0.05, 0.2], [0.9, 0.8, 0.1], [0.8, 0.7, 0.1], [0.9, 0.81, 0.1])) == 0
    assert choose(results([0.2, 0.05, 0.0125], [0.9, 0.9, np.nan], [0.8, 0.7, np.nan], [0.9, 0.9, np.nan])) == 1
    assert choose(results([0.2, 0.05], [0.9, 0.8])) == 0


@pytest.mark.parametrize(
    "params", [{"refine_learning_rate": False}, {"learning_rate": 0.3}, {"space": {"max_depth": [2, 3]}}]
)
def test_without_refinement_the_learning_rate_is_searched_or_left_alone(params):
    X, y = load_iris(return_X_y=True)
    search = TunedXGBClassifier(n_trials=13, cv=3, random_state=0, **params).fit(X, y)

    rates = search.cv_results_.get("param_learning_rate")
    assert (rates is not None) == ("refine_learning_rate" in params)
    if rates is not None:
        assert len(np.unique(rates)) > 2


def test_a_resumed_search_with_more_trials_refines_as_if_it_had_had_them_from_the_beginning():
    X, y = load_iris(return_X_y=True)
    settings = {"cv": 2, "random_state": 0, "refit": False}
    storage = optuna.storages.InMemoryStorage()
    first = TunedXGBClassifier(n_trials=10, storage=storage, **settings).fit(X, y)
    whole = TunedXGBClassifier(n_trials=14, **settings).fit(X, y)

    searches = [TunedXGBClassifier(n_trials=14, storage=storage, resume=True, **settings).fit(X, y) for _ in range(2)]

    assert first.cv_results_["params"][9] != whole.cv_results_["params"][9]  # the first one refines at the end
    for search in searches:
        assert table(search) == table(whole)
        assert statuses(search) == statuses(whole)
