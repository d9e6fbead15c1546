"""Polish: the best candidates again, at slower learning rates."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

from sklearn_autotune import TunedXGBClassifier
from sklearn_autotune._polish import QUICK_LEARNING_RATE, SLOWEST, Polish
from sklearn_autotune._trials import Record
from sklearn_autotune.evaluation import FoldScore, Outcome


def record(number, score, learning_rate=QUICK_LEARNING_RATE, depth=3, status="complete"):
    folds = (FoldScore(score, None, 0.0, 0.0),)
    return Record(number, {"learning_rate": learning_rate, "max_depth": depth}, Outcome(status, folds))


def test_the_best_is_tried_at_half_its_learning_rate():
    records = [record(0, 0.5, depth=2), record(1, 0.9, depth=4), record(2, 0.99, depth=5, status="pruned")]

    assert Polish(30)(records, 29) == {"learning_rate": QUICK_LEARNING_RATE / 2, "max_depth": 4}


def test_what_was_tried_is_not_tried_again_and_the_next_one_is():
    records = [record(0, 0.9), record(1, 0.8, QUICK_LEARNING_RATE / 2), record(2, 0.7, depth=6)]

    assert Polish(30)(records, 29) == {"learning_rate": QUICK_LEARNING_RATE / 4, "max_depth": 3}


def test_there_is_a_slowest_learning_rate():
    assert Polish(30)([record(0, 0.9, 1.5 * SLOWEST)], 29) is None


def test_most_candidates_are_left_to_the_sampler():
    turns = [place for place in range(100) if Polish(100)([record(0, 0.9)], place) is not None]

    assert turns == [20, 30, 40, 50, 60, 70, 80, *range(90, 100)]


def test_a_search_ends_with_slower_learning_rates():
    X, y = load_iris(return_X_y=True)
    search = TunedXGBClassifier(n_trials=25, cv=3, random_state=0).fit(X, y)

    rates = search.cv_results_["param_learning_rate"]
    assert (rates[:20] == QUICK_LEARNING_RATE).all()
    assert (rates[[20, 23, 24]] < QUICK_LEARNING_RATE).all()


@pytest.mark.parametrize("params", [{"polish": False}, {"learning_rate": 0.3}, {"space": {"max_depth": [2, 3]}}])
def test_without_polish_the_learning_rate_is_searched_or_left_alone(params):
    X, y = load_iris(return_X_y=True)
    search = TunedXGBClassifier(n_trials=13, cv=3, random_state=0, **params).fit(X, y)

    rates = search.cv_results_.get("param_learning_rate")
    assert (rates is not None) == ("polish" in params)
    if rates is not None:
        assert len(np.unique(rates)) > 2
